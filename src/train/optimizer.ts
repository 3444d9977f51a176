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

/** Name of the fused kernel of backends that have one. */
export const ADAM_UPDATE = "AdamUpdate";

/**
 * What one step's updates have in common: step size η / (1 - β1^t) and the root's factor 1 / √(1 - β2^t). Computed in double
 * precision from the iteration number t, so a resumed run gets the same numbers as an unbroken one.
 *
 * @param iteration counted from 1
 * @returns [2]
 */
export function adamRates(
  learningRate: number,
  iteration: number,
  { beta1 = 0.9, beta2 = 0.999 }: AdamOptions = {},
): tf.Tensor1D {
  return tf.tensor1d([learningRate / (1 - beta1 ** iteration), 1 / Math.sqrt(1 - beta2 ** iteration)], "float32");
}

/**
 * One Adam step of one weight (Kingma and Ba 2015, algorithm 1). Pure: returns the next slot.
 * @param rates of `adamRates`, with the same options
 */
export function adamUpdate(
  slot: AdamSlot,
  gradient: tf.Tensor,
  rates: tf.Tensor1D,
  options: AdamOptions = {},
): AdamSlot {
  if (!tf.getKernel(ADAM_UPDATE, tf.getBackend())) return adamUpdatePlain(slot, gradient, rates, options);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  tf.util.assertShapesMatch(slot.weight.shape, gradient.shape, "adamUpdate: ");
  const inputs = { ...slot, gradient, rates };
  const [weight, first, second] = tf.engine().runKernel(ADAM_UPDATE, inputs, { beta1, beta2, epsilon }) as tf.Tensor[];
  return { weight, first, second };
}

/** The same as `adamUpdate`, composed of tfjs operations: what backends without the fused kernel run. */
export function adamUpdatePlain(
  { weight, first, second }: AdamSlot,
  gradient: tf.Tensor,
  rates: tf.Tensor1D,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {},
): AdamSlot {
  return tf.tidy(() => {
    const [stepSize, root] = tf.split(rates, 2).map((rate) => tf.reshape(rate, []));
    const m = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
    const v = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const denominator = tf.add(tf.mul(tf.sqrt(v), root), epsilon);
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
