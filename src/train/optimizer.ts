import * as tf from "@tensorflow/tfjs";
import { UsageError } from "../types";

/** One weight, and by name what the optimiser remembers of it, all of one shape. */
export type Slot = { readonly weight: tf.Tensor; readonly [slot: string]: tf.Tensor };

/** How weights follow from gradients, as pure functions: what changes from step to step comes in as `rates`. */
export interface Optimizer {
  /** What checkpoints call it. */
  readonly name: string;
  /** What it remembers of every weight; zeros at the start. */
  readonly slots: readonly string[];
  /**
   * What the updates of one step have in common. Computed in double precision from the iteration number, counted from 1, so a
   * resumed run gets the same numbers as an unbroken one.
   */
  rates(learningRate: number, iteration: number): number[];
  /** The slot after one step. `rates` as a tensor of one axis. */
  update(slot: Slot, gradient: tf.Tensor, rates: tf.Tensor1D): Slot;
}

/** Adam's numbers. */
export interface AdamOptions {
  /** Decay of the first moment. Default 0.9. */
  beta1?: number;
  /** Decay of the second moment. Default 0.999. */
  beta2?: number;
  /** Added to the root of the second moment. Default 1e-8, as in PyTorch and SPEC section 5. */
  epsilon?: number;
}

/** Of optimisers that draw weights towards zero. */
export interface WeightDecay {
  /** Default 0; for `adamW` 0.01. */
  weightDecay?: number;
}

/** Adam (Kingma and Ba 2015, algorithm 1). As in PyTorch, `weightDecay` times the weight is added to its gradient. */
export function adam({ weightDecay = 0, ...options }: AdamOptions & WeightDecay = {}): Optimizer {
  return {
    name: "adam",
    slots: ["first", "second"],
    rates: (learningRate, iteration) => adamRates(learningRate, iteration, options),
    update: (slot, gradient, rates) =>
      tf.tidy(() => adamUpdate(slot, decayed(gradient, slot.weight, weightDecay), rates, options)),
  };
}

/**
 * Adam whose weight decay does not pass through the moments (Loshchilov and Hutter 2019): before each step weights are
 * multiplied by 1 - learning rate · weightDecay, as in PyTorch.
 */
export function adamW({ weightDecay = 0.01, ...options }: AdamOptions & WeightDecay = {}): Optimizer {
  const { slots, rates, update } = adam(options);
  return {
    name: "adamW",
    slots,
    rates: (learningRate, iteration) => [...rates(learningRate, iteration), 1 - learningRate * weightDecay],
    update: (slot, gradient, given) =>
      tf.tidy(() => {
        const [ofAdam, kept] = tf.split<tf.Tensor1D>(given, [2, 1]);
        return update({ ...slot, weight: tf.mul(slot.weight, tf.reshape(kept, [])) }, gradient, ofAdam);
      }),
  };
}

export interface SgdOptions extends WeightDecay {
  /** Part of the last direction that is kept. Default 0: none is remembered. */
  momentum?: number;
  /** Looks ahead along the new direction (Nesterov). Default false. */
  nesterov?: boolean;
}

/** Gradient descent, with the momentum and weight decay of PyTorch's SGD without dampening. Error: nesterov without momentum. */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  if (nesterov && momentum === 0) throw new UsageError("sgd: nesterov expects a momentum above 0, got 0");
  return {
    name: "sgd",
    slots: momentum === 0 ? [] : ["momentum"],
    rates: (learningRate) => [learningRate],
    update: ({ weight, momentum: last }, gradient, rates) =>
      tf.tidy((): Slot => {
        const slope = decayed(gradient, weight, weightDecay);
        const along = (direction: tf.Tensor) => tf.sub(weight, tf.mul(direction, tf.reshape(rates, [])));
        if (momentum === 0) return { weight: along(slope) };
        const direction = tf.add(tf.mul(last, momentum), slope);
        const ahead = nesterov ? tf.add(slope, tf.mul(direction, momentum)) : direction;
        return { weight: along(ahead), momentum: direction };
      }),
  };
}

const decayed = (gradient: tf.Tensor, weight: tf.Tensor, decay: number): tf.Tensor =>
  decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));

/** Name of Adam's fused kernel on backends that have one. */
export const ADAM_UPDATE = "AdamUpdate";

/** Adam's step size η / (1 - β1^t) and the root's factor 1 / √(1 - β2^t), for iteration t counted from 1. */
export const adamRates = (
  learningRate: number,
  iteration: number,
  { beta1 = 0.9, beta2 = 0.999 }: AdamOptions = {},
): number[] => [learningRate / (1 - beta1 ** iteration), 1 / Math.sqrt(1 - beta2 ** iteration)];

/** One Adam step of one weight with its moments `first` and `second`: one kernel where the backend has it, else `adamUpdatePlain`. */
export function adamUpdate(slot: Slot, gradient: tf.Tensor, rates: tf.Tensor1D, options: AdamOptions = {}): Slot {
  if (!tf.getKernel(ADAM_UPDATE, tf.getBackend())) return adamUpdatePlain(slot, gradient, rates, options);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  tf.util.assertShapesMatch(slot.weight.shape, gradient.shape, "adamUpdate: ");
  const inputs = { ...slot, gradient, rates };
  const [weight, first, second] = tf.engine().runKernel(ADAM_UPDATE, inputs, { beta1, beta2, epsilon }) as tf.Tensor[];
  return { weight, first, second };
}

/** The same as `adamUpdate`, composed of tfjs operations. */
export function adamUpdatePlain(
  { weight, first, second }: Slot,
  gradient: tf.Tensor,
  rates: tf.Tensor1D,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {},
): Slot {
  return tf.tidy(() => {
    const [stepSize, root] = tf.split(rates, 2).map((rate) => tf.reshape(rate, []));
    const m = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
    const v = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const denominator = tf.add(tf.mul(tf.sqrt(v), root), epsilon);
    return { weight: tf.sub(weight, tf.mul(tf.div(m, denominator), stepSize)), first: m, second: v };
  });
}

/**
 * Gradients whose norm over all entries of all of them is at most `maxNorm`, and the norm they had, a scalar. As PyTorch's
 * clip_grad_norm_: all are multiplied by min(1, maxNorm / (norm + 1e-6)).
 */
export function clipByNorm(
  gradients: readonly tf.Tensor[],
  maxNorm: number,
): { gradients: tf.Tensor[]; norm: tf.Scalar } {
  const norm = tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient))))) as tf.Scalar;
  const factor = tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6)));
  return { gradients: gradients.map((gradient) => tf.mul(gradient, factor)), norm };
}
