import * as tf from "@tensorflow/tfjs";
import { LSTM_GATES, LSTM_GATES_GRAD } from "../ops/gates";
import { lstmGates, lstmGatesGradient } from "./wasmGates";

/**
 * Loads tfjs's WebAssembly backend and completes it so that networks can be trained on it: the filter gradient it
 * lacks; the input gradient and tanh, which it computes several times slower than its own convolution and logistic
 * function allow; and the fused LSTM gates.
 */
export function completeWasm(): void {
  // Loading the package registers the backend and its kernels.
  require("@tensorflow/tfjs-backend-wasm");
  const ownInputGradient = tf.getKernel("Conv2DBackpropInput", "wasm").kernelFunc;
  replace("Conv2DBackpropFilter", ({ inputs, attrs }) => filterGradient(inputs as Tensors, attrs as unknown as Attrs));
  replace("Conv2DBackpropInput", (call) => {
    const attrs = call.attrs as unknown as Attrs;
    return unitStride(attrs.strides) ? inputGradient(call.inputs as Tensors, attrs) : ownInputGradient(call);
  });
  replace("Tanh", ({ inputs }) => tf.tidy(() => tf.sub(tf.mul(tf.sigmoid(tf.mul(inputs.x as tf.Tensor, 2)), 2), 1)));
  replace(LSTM_GATES, lstmGates);
  replace(LSTM_GATES_GRAD, lstmGatesGradient);
}

type Tensors = Record<string, tf.Tensor4D>;

interface Attrs {
  readonly strides: number | [number, number];
  readonly pad: "same" | "valid" | number | tf.backend_util.ExplicitPadding;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
  readonly filterShape?: [number, number, number, number];
  readonly inputShape?: [number, number, number, number];
}

function replace(kernelName: string, kernelFunc: tf.KernelFunc): void {
  if (tf.getKernel(kernelName, "wasm")) tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc });
}

const unitStride = (strides: Attrs["strides"]) => [strides].flat().every((stride) => stride === 1);

/** One matrix product per kernel place, [in, batch·H·W] by [batch·H·W, out]: the backend's fast product needs no transpose. */
function filterGradient({ x, dy }: Tensors, { strides, pad, dimRoundingMode, filterShape }: Attrs): tf.Tensor {
  return tf.tidy(() => {
    const [kernelHeight, kernelWidth, inChannels, outChannels] = filterShape!;
    const conv = tf.backend_util.computeConv2DInfo(x.shape, filterShape!, strides, 1, pad, dimRoundingMode);
    const { padInfo, strideHeight, strideWidth, outHeight, outWidth, batchSize } = conv;
    const padded = tf.pad(x, [
      [0, 0],
      [padInfo.top, padInfo.bottom + strideHeight],
      [padInfo.left, padInfo.right + strideWidth],
      [0, 0],
    ]);
    const channelsFirst = tf.transpose(padded, [3, 0, 1, 2]);
    const flat = tf.reshape(dy, [-1, outChannels]) as tf.Tensor2D;
    const places: tf.Tensor2D[] = [];
    for (let i = 0; i < kernelHeight; i++) {
      for (let j = 0; j < kernelWidth; j++) {
        const [tall, wide] = [outHeight * strideHeight, outWidth * strideWidth];
        const window =
          strideHeight === 1 && strideWidth === 1
            ? tf.slice(channelsFirst, [0, 0, i, j], [inChannels, batchSize, outHeight, outWidth])
            : tf.stridedSlice(
                channelsFirst,
                [0, 0, i, j],
                [inChannels, batchSize, i + tall, j + wide],
                [1, 1, strideHeight, strideWidth],
              );
        places.push(tf.matMul(tf.reshape(window, [inChannels, -1]) as tf.Tensor2D, flat));
      }
    }
    return tf.reshape(tf.stack(places), filterShape!);
  });
}

/** For stride 1 the input gradient is a convolution with the kernel turned by 180° and its channels exchanged. */
function inputGradient({ dy, filter }: Tensors, { pad, dimRoundingMode, inputShape }: Attrs): tf.Tensor {
  return tf.tidy(() => {
    const { padInfo: p, filterHeight, filterWidth } = tf.backend_util.computeConv2DInfo(
      inputShape!,
      filter.shape,
      1,
      1,
      pad,
      dimRoundingMode,
    );
    const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]) as tf.Tensor4D;
    return tf.conv2d(dy, turned, 1, [
      [0, 0],
      [filterHeight - 1 - p.top, filterHeight - 1 - p.bottom],
      [filterWidth - 1 - p.left, filterWidth - 1 - p.right],
      [0, 0],
    ]);
  });
}
