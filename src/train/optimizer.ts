import * as tf from "@tensorflow/tfjs";

/** Adam's numbers. */
export interface AdamOptions {
  /** Decay of the first moment. Default 0.9. */
  beta1?: number;
  /** Decay of the second moment. Default 0.999. */
  beta2?: number;
  /** Added to the root of the second moment. Default 1e-8, as in PyTorch and SPEC section 5. */
  epsilon?: number;
}

/** One weight with its two moments, all of one shape. */
export interface AdamSlot {
  readonly weight: tf.Tensor;
  readonly first: tf.Tensor;
  readonly second: tf.Tensor;
}

/** A slot whose moments are zero. */
export const adamInit = (weight: tf.Tensor): AdamSlot => ({
  weight,
  first: tf.zerosLike(weight),
  second: tf.zerosLike(weight),
});

/**
 * One Adam step of one weight (Kingma and Ba 2015, algorithm 1). Pure: returns the next slot.
 *
 * The bias corrections are computed in double precision from the iteration number (counted from 1), so a resumed run gets
 * the same numbers as an unbroken one.
 */
export function adamUpdate(
  { weight, first, second }: AdamSlot,
  gradient: tf.Tensor,
  { learningRate, iteration }: { learningRate: number; iteration: number },
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {},
): AdamSlot {
  return tf.tidy(() => {
    const m = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
    const v = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const stepSize = learningRate / (1 - beta1 ** iteration);
    const denominator = tf.add(tf.mul(tf.sqrt(v), 1 / Math.sqrt(1 - beta2 ** iteration)), epsilon);
    return { weight: tf.sub(weight, tf.mul(tf.div(m, denominator), stepSize)), first: m, second: v };
  }) as unknown as AdamSlot;
}

/** A learning rate for each iteration, counted from 0. */
export type Schedule = (iteration: number) => number;

export const constantRate =
  (rate: number): Schedule =>
  () =>
    rate;

/** From `rate` at iteration 0 along half a cosine to 0 after `iterations`. */
export const cosineRate =
  (rate: number, iterations: number): Schedule =>
  (iteration) =>
    (rate / 2) * (1 + Math.cos((Math.PI * Math.min(iteration, iterations)) / iterations));
