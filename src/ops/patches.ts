import * as tf from "@tensorflow/tfjs";
import { type Clip, type Frames, UserError } from "../types";

/**
 * Cuts frames into patches of size x size pixels and lays the pixels of each one, row by row, into the channels of one place:
 * [..., H, W, channels] -> [..., H/size, W/size, size·size·channels], frames or a clip; space-to-depth. Source: `reshape_patch`
 * of PredRNN's published code. The gradient is `fromPatches`. Error: sides that `size` does not divide.
 */
export function toPatches<T extends Frames | Clip>(x: T, size: number): T {
  requirePatches(x.shape.slice(-3), size);
  if (size === 1) return x;
  const [height, width, channels] = x.shape.slice(-3);
  const shape = [...x.shape.slice(0, -3), height / size, width / size, size * size * channels];
  return exchanged(x, [size, width / size, size * channels], shape) as T;
}

/** The inverse of `toPatches`: [..., H, W, size·size·channels] -> [..., H·size, W·size, channels]. Error: other channels. */
export function fromPatches<T extends Frames | Clip>(x: T, size: number): T {
  const [height, width, depth] = x.shape.slice(-3);
  const channels = depth / size ** 2;
  if (!Number.isInteger(channels)) {
    throw new UserError(`${depth} channels are no patches of ${size}x${size} pixels`);
  }
  if (size === 1) return x;
  return exchanged(
    x,
    [width, size, size * channels],
    [...x.shape.slice(0, -3), height * size, width * size, channels],
  ) as T;
}

/** Error: a size that is no whole number from 1, or does not divide both sides. */
export function requirePatches([height, width]: readonly number[], size: number): void {
  if (!Number.isSafeInteger(size) || size < 1) throw new UserError(`patch is ${size}, expected a whole number from 1`);
  if (height % size !== 0 || width % size !== 0) {
    throw new UserError(`frames of ${height}x${width} cannot be cut into patches of ${size}x${size} pixels`);
  }
}

/** Of rows of patches, [rows, inside[0], inside[1], inside[2]], the two axes in the middle change places. */
const exchanged = (x: tf.Tensor, inside: readonly [number, number, number], shape: number[]): tf.Tensor => {
  const rows = x.size / inside.reduce((a, b) => a * b);
  return tf.reshape(tf.transpose(tf.reshape(x, [rows, ...inside]), [0, 2, 1, 3]), shape);
};
