import * as tf from "@tensorflow/tfjs";
import { gradientKernel, LSTM_GATES } from "../ops/gates";
import { lstmGates, lstmGatesGradient } from "./wasmGates";
import { maxPoolGradient } from "./wasmPool";

/**
 * Loads tfjs's WebAssembly backend and completes it so that networks can be trained on it: the filter gradient it
 * lacks; the max-pooling gradient, which it gets wrong; the input gradient and tanh, by way of its own convolution and
 * logistic function; and the fused LSTM gates.
 */
export function completeWasm(): void {
  // Loading the package registers the backend and its kernels.
  require("@tensorflow/tfjs-backend-wasm");
  replace("Conv2DBackpropFilter", ({ inputs, attrs }) => filterGradient(inputs as Tensors, attrs as unknown as Attrs));
  replace("Conv2DBackpropInput", ({ inputs, attrs }) => inputGradient(inputs as Tensors, attrs as unknown as Attrs));
  replace("Tanh", ({ inputs }) => tf.tidy(() => tf.sub(tf.mul(tf.sigmoid(tf.mul(inputs.x as tf.Tensor, 2)), 2), 1)));
  replace("MaxPoolGrad", maxPoolGradient);
  replace(LSTM_GATES, lstmGates);
  replace(gradientKernel(LSTM_GATES), lstmGatesGradient);
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

/**
 * One matrix product per kernel place, xᵀ [in, places] by dy [places, out]. Both are padded to one size and flattened, so
 * that the window of a kernel place is a contiguous run of columns, and the backend's fast product needs no other transpose.
 */
function filterGradient({ x, dy }: Tensors, { strides, pad, dimRoundingMode, filterShape }: Attrs): tf.Tensor {
  const [kernelHeight, kernelWidth, inChannels, outChannels] = filterShape!;
  const { padInfo, strideHeight, strideWidth } = tf.backend_util.computeConv2DInfo(
    x.shape,
    filterShape!,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  return tf.tidy(() => {
    const spread = spreadOut(dy, strideHeight, strideWidth);
    const [batch, tall, wide] = spread.shape;
    // Room below and right for every window, and one more row of pixels, because the last run reads on past its end.
    const height = tall + kernelHeight;
    const width = wide + kernelWidth - 1;
    const places = batch * height * width;
    const fit = (t: tf.Tensor4D, top: number, left: number) => {
      const below = Math.max(0, height - top - t.shape[1]);
      const right = Math.max(0, width - left - t.shape[2]);
      const padded = tf.pad(t, [
        [0, 0],
        [top, below],
        [left, right],
        [0, 0],
      ]) as tf.Tensor4D;
      const exact = padded.shape[1] === height && padded.shape[2] === width;
      return exact ? padded : tf.slice(padded, [0, 0, 0, 0], [batch, height, width, t.shape[3]]);
    };
    const reach = (kernelHeight - 1) * width + kernelWidth - 1;
    const columns = tf.transpose(tf.reshape(fit(x, padInfo.top, padInfo.left), [places, inChannels]));
    const row = tf.pad(columns, [
      [0, 0],
      [0, reach],
    ]);
    // The same right-hand side for every product: the backend packs it once.
    const flat = tf.reshape(fit(spread, 0, 0), [places, outChannels]) as tf.Tensor2D;
    const products: tf.Tensor[] = [];
    for (let i = 0; i < kernelHeight; i++) {
      for (let j = 0; j < kernelWidth; j++) {
        products.push(tf.matMul(tf.slice(row, [0, i * width + j], [inChannels, places]) as tf.Tensor2D, flat));
      }
    }
    return tf.reshape(tf.stack(products), filterShape!);
  });
}

/** Puts stride - 1 zeros behind every row and column: the gradient of a strided convolution on the grid of stride 1. */
function spreadOut(dy: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return dy;
  const [batch, height, width, channels] = dy.shape;
  const cells = tf.pad(tf.reshape(dy, [batch * height, 1, width, 1, channels]), [
    [0, 0],
    [0, strideHeight - 1],
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ]);
  return tf.reshape(cells, [batch, height * strideHeight, width * strideWidth, channels]);
}

/** The input gradient is a convolution of dy, spread out, with the kernel turned by 180° and its channels exchanged. */
function inputGradient({ dy, filter }: Tensors, { strides, pad, dimRoundingMode, inputShape }: Attrs): tf.Tensor {
  return tf.tidy(() => {
    const [kernelHeight, kernelWidth] = filter.shape;
    const [batch, height, width] = inputShape!;
    const { padInfo, strideHeight, strideWidth } = tf.backend_util.computeConv2DInfo(
      inputShape!,
      filter.shape,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    const spread = spreadOut(dy, strideHeight, strideWidth);
    const [top, left] = [kernelHeight - 1 - padInfo.top, kernelWidth - 1 - padInfo.left];
    // Behind the last place that was used, spreading left zeros; no more of them than the sum below can read.
    const [tall, wide] = [height + padInfo.top, width + padInfo.left];
    const used = tf.slice(
      spread,
      [0, 0, 0, 0],
      [batch, Math.min(spread.shape[1], tall), Math.min(spread.shape[2], wide), -1],
    );
    const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]) as tf.Tensor4D;
    return tf.conv2d(used as tf.Tensor4D, turned, 1, [
      [0, 0],
      [top, tall - used.shape[1]],
      [left, wide - used.shape[2]],
      [0, 0],
    ]);
  });
}
