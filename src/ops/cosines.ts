import * as tf from "@tensorflow/tfjs";
import type { Frames } from "../types";

/** Of a squared norm: maps of zeros have no direction, and no gradient. */
const LEAST = 1e-24;

/**
 * How alike two maps are, sample by sample and channel by channel: |cos| of the angle between the flattened maps, 0 where one of
 * them is zero. Both [batch, H, W, C] -> [batch, C]. Source: the decoupling of PredRNN-V2 (SPEC 2.7).
 */
export function cosines(a: Frames, b: Frames): tf.Tensor2D {
  const sum = (x: Frames) => tf.sum<tf.Tensor2D>(x, [1, 2]);
  // Roots first: the product of two such small squares is no float32.
  const norm = (x: Frames) => tf.sqrt(tf.maximum(sum(tf.square(x)), LEAST));
  return tf.abs(tf.div<tf.Tensor2D>(tf.div(sum(tf.mul(a, b)), norm(a)), norm(b)));
}
