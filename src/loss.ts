import * as tf from "@tensorflow/tfjs";
import type { Clip } from "./types";

/** Weights of the two terms of the training loss. */
export interface LossWeights {
  /** Of the squared errors. Default 1. */
  mse?: number;
  /** Of the absolute errors. Default 1. */
  mae?: number;
  /** Of the decoupling of networks that have it. Default 0.01. */
  decouple?: number;
}

/** The training loss: its terms, and the predictions it is taken on. */
export interface LossOptions extends LossWeights {
  /**
   * The loss is taken on predictions of frames after this many: 1, the default, for all of them, or the number of given frames
   * for those of the horizon. The decoupling always is of all steps.
   */
  after?: number;
}

/** Mean over steps and batch of the sum over layers and channels (SPEC 2.7); per step [layers, batch, filters]. A scalar. */
export function decouplingLoss(steps: readonly tf.Tensor3D[]): tf.Scalar {
  const batch = steps[0].shape[1];
  return tf.div(tf.addN(steps.map((cosines) => tf.sum(cosines))), steps.length * batch) as tf.Scalar;
}

/**
 * Mean over steps and batch of Σ_pixels mse·(x - x̂)² + mae·|x - x̂|, summed over height, width and channels (SPEC section 5).
 * Both clips [batch, time, height, width, channels]; a scalar.
 */
export function loss(predicted: Clip, observed: Clip, { mse = 1, mae = 1 }: LossWeights = {}): tf.Scalar {
  const [batch, time] = predicted.shape;
  const error = tf.sub(predicted, observed);
  const terms: tf.Tensor[] = [];
  if (mse !== 0) terms.push(tf.mul(tf.sum(tf.square(error)), mse));
  if (mae !== 0) terms.push(tf.mul(tf.sum(tf.abs(error)), mae));
  return tf.div(tf.addN(terms), batch * time) as tf.Scalar;
}
