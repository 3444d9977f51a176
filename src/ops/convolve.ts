import * as tf from "@tensorflow/tfjs";
import type { Frames } from "../types";

/**
 * Same-size convolution, stride 1, zero padding: [batch, H, W, in] with kernel [kh, kw, in, out] -> [batch, H, W, out].
 * `bias` is one vector [out]; engines that can add it in the same pass do.
 */
export function convolve(x: Frames, kernel: tf.Tensor4D, bias: tf.Tensor1D): Frames {
  return tf.fused.conv2d({ x, filter: kernel, strides: 1, pad: "same", bias });
}
