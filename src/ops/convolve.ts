import * as tf from "@tensorflow/tfjs";
import type { Frames } from "../types";

/**
 * Same-size convolution, stride 1, zero padding: [batch, H, W, in] with kernel [kh, kw, in, out] -> [batch, H, W, out].
 * `bias` is one vector [out]; engines that can add it in the same pass do.
 */
export function convolve(x: Frames, kernel: tf.Tensor4D, bias: tf.Tensor1D): Frames {
  return tf.fused.conv2d({ x, filter: kernel, strides: 1, pad: "same", bias });
}

const zeros = new WeakSet<tf.Tensor>();

/** A state that begins at zero. `convolveJoined` leaves out what it would add. */
export function zeroFrames(shape: Frames["shape"]): Frames {
  const frames = tf.fill<tf.Rank.R4>(shape, 0);
  zeros.add(frames);
  return frames;
}

/** True for what `zeroFrames` has made. */
export const isZeroFrames = (frames: Frames): boolean => zeros.has(frames);

/**
 * The sum of a convolution of each input, as one convolution: a kernel [kh, kw, all channels of the inputs in their order,
 * out]. Inputs made by `zeroFrames` are left out with their part of the kernel.
 */
export function convolveJoined(inputs: readonly Frames[], kernel: tf.Tensor4D, bias: tf.Tensor1D): Frames {
  let first = 0;
  const kept = inputs.flatMap((x) => {
    const part = { x, first, channels: x.shape[3] };
    first += part.channels;
    return zeros.has(x) ? [] : [part];
  });
  if (kept.length === inputs.length || kept.length === 0) {
    return convolve(tf.concat(inputs as Frames[], 3), kernel, bias);
  }
  const parts = kept.map(({ first, channels }) => tf.slice(kernel, [0, 0, first, 0], [-1, -1, channels, -1]));
  const maps = kept.map(({ x }) => x);
  return parts.length === 1
    ? convolve(maps[0], parts[0], bias)
    : convolve(tf.concat(maps, 3), tf.concat(parts, 2), bias);
}
