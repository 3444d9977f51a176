import * as tf from "@tensorflow/tfjs";
import { heap, type KernelCall } from "./wasmHeap";

interface Attrs {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: "same" | "valid" | number;
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

/**
 * Gradient of max-pooling: dy of each window goes to the window's first largest value in row order. tfjs's own kernel for
 * this backend is silently wrong (seen in 4.22: dy lands in other places).
 */
export function maxPoolGradient(call: KernelCall): tf.TensorInfo {
  const { inputs, output, arrays } = heap(call);
  const { filterSize, strides, pad, dimRoundingMode } = call.attrs as unknown as Attrs;
  const shape = inputs.input.shape as [number, number, number, number];
  const pool = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { batchSize, outHeight, outWidth, inHeight, inWidth, inChannels: channels, padInfo } = pool;
  const dx = output(inputs.input);
  const [x, dy, dxOut] = arrays(inputs.input, inputs.dy, dx);
  dxOut.fill(0);
  for (let b = 0; b < batchSize; b++) {
    for (let row = 0; row < outHeight; row++) {
      const top = row * pool.strideHeight - padInfo.top;
      const bottom = Math.min(top + pool.filterHeight, inHeight);
      for (let column = 0; column < outWidth; column++) {
        const left = column * pool.strideWidth - padInfo.left;
        const right = Math.min(left + pool.filterWidth, inWidth);
        const from = ((b * outHeight + row) * outWidth + column) * channels;
        for (let k = 0; k < channels; k++) {
          let largest = -Infinity;
          let at = -1;
          for (let i = Math.max(top, 0); i < bottom; i++) {
            for (let j = Math.max(left, 0); j < right; j++) {
              const place = ((b * inHeight + i) * inWidth + j) * channels + k;
              if (x[place] > largest || at < 0) {
                largest = x[place];
                at = place;
              }
            }
          }
          dxOut[at] += dy[from + k];
        }
      }
    }
  }
  return dx;
}
