import * as tf from "@tensorflow/tfjs";
import type { Step } from "../compile";
import { decouplingLoss, type LossOptions, loss } from "../loss";
import type { Model, ModelParams } from "../model";
import { atTime } from "../place";
import { random } from "../random";
import { teach } from "../rollout";
import type { Sampling } from "../sampling";
import { leaves, unflatten } from "../tree";
import { type Clip, type Sequences, type Tree, UserError } from "../types";
import { valueAndGradients } from "../valueAndGradients";
import { adam, clipByNorm, type Slot } from "./optimizer";
import type { Schedule } from "./schedule";
import type { StateOptions, Weights } from "./state";

/** What one step computes. */
export interface StepOptions extends StateOptions {
  /** Terms of the loss, and what they are taken on. Default: both terms, weight 1, on all predictions (SPEC section 5). */
  readonly loss?: LossOptions;
  /** Largest norm of all gradients together; longer ones are made shorter. Default: no limit. */
  readonly clipNorm?: number;
}

/** What one step is given, as functions of the iteration. */
export interface InputOptions extends StateOptions {
  /** Learning rate of each iteration. */
  readonly learningRate: Schedule;
  /** Which true frames the network sees. */
  readonly sampling: Sampling;
  /** Of the sampling masks. Default 0. */
  readonly seed?: number;
}

/** What one optimiser step is given. */
export type StepInputs = {
  readonly clip: Clip;
  /** [batch, time - 2], as in `teach` */
  readonly mask: tf.Tensor2D;
  /** Of `Optimizer.rates`, one axis. */
  readonly rates: tf.Tensor1D;
  /** Part of the moving average that the new weights become, of runs that keep one. */
  readonly share?: tf.Scalar;
};

/**
 * The loss; a number that is 0 where all new weights are finite and NaN otherwise; and where gradients are clipped the norm they
 * had: [2] or [3], so that all are read at once.
 */
export type StepOutputs = { readonly told: tf.Tensor1D };

/** One optimiser step as a pure function, which `compile` can record: new weights and slots, the old ones untouched. */
export const trainingStep =
  (model: Model, { loss, clipNorm, optimizer = adam() }: StepOptions = {}): Step<Weights, StepInputs, StepOutputs> =>
  ({ params, slots, average }, { clip, mask, rates, share }) => {
    const { value, gradients: slopes } = lossAndGradients(model, params, clip, mask, loss);
    const { gradients, norm } = clipNorm === undefined ? { gradients: slopes } : clipByNorm(slopes, clipNorm);
    const updated = slotsOf(params, slots).map((slot, i) => optimizer.update(slot, gradients[i], rates));
    const next = (part: string) =>
      unflatten(
        params,
        updated.map((slot) => slot[part]),
      );
    const doubt = tf.addN(updated.map(({ weight }) => tf.sum(tf.sub(weight, weight))));
    return {
      state: {
        params: next("weight"),
        slots: Object.fromEntries(optimizer.slots.map((name) => [name, next(name)])),
        ...(average && { average: moved(average, updated, share!) }),
      },
      outputs: { told: tf.stack(norm ? [value, doubt, norm] : [value, doubt]) as tf.Tensor1D },
    };
  };

/** Each weight with what the optimiser remembers of it, in the order of `leaves(params)`. */
function slotsOf(params: ModelParams, slots: Weights["slots"]): Slot[] {
  const remembered = Object.entries(slots).map(([name, tree]) => [name, leaves(tree)] as const);
  return leaves(params).map(([, weight], i) => ({
    weight,
    ...Object.fromEntries(remembered.map(([name, all]) => [name, all[i][1]])),
  }));
}

const moved = (average: ModelParams, updated: readonly Slot[], share: tf.Scalar): ModelParams =>
  unflatten(
    average,
    leaves(average).map(([, mean], i) => tf.add(mean, tf.mul(tf.sub(updated[i].weight, mean), share))),
  );

/** What the step after so many iterations is given: new tensors, which belong to the caller. */
export function stepInputs(data: Sequences, iteration: number, options: InputOptions): StepInputs {
  const { optimizer = adam(), averageDecay, seed = 0 } = options;
  const [batch, time] = data.shape;
  const draws = random(seed, "sampling", iteration);
  const done = iteration + 1;
  return {
    clip: tf.tensor5d(data.data, data.shape as Sequences["shape"] & number[]) as Clip,
    mask: tf.tensor2d(options.sampling(iteration, batch, time, draws), [batch, time - 2]),
    rates: tf.tensor1d(optimizer.rates(options.learningRate(iteration), done), "float32"),
    ...(averageDecay !== undefined && { share: tf.scalar(Math.max(1 - averageDecay, 1 / done), "float32") }),
  };
}

/**
 * Loss of a clip and its gradient for every weight, in the order of `leaves(params)`.
 * @param mask [batch, time - 2], as in `teach`
 * Error: no prediction is left to take the loss on.
 */
export function lossAndGradients(
  model: Model,
  params: ModelParams,
  clip: Clip,
  mask: tf.Tensor2D,
  { after = 1, decouple = 0.01, ...terms }: LossOptions = {},
): { value: tf.Scalar; gradients: tf.Tensor[] } {
  const time = clip.shape[1];
  if (after >= time) throw new UserError(`the loss is taken after ${after} frames, but clips have ${time}`);
  const observed = tf.slice(clip, [0, after], [-1, -1]) as Clip;
  const objective = (...values: tf.Tensor[]) => {
    const cosines: tf.Tensor3D[] = [];
    const watch = decouple === 0 ? {} : { decoupling: (step: tf.Tensor3D) => void cosines.push(step) };
    const all = teach(model, unflatten<Tree>(params, values) as ModelParams, clip, mask, watch);
    const predictions = after === 1 ? all : (tf.slice(all, [0, after - 1], [-1, -1]) as Clip);
    const errors = loss(predictions, observed, terms);
    const value = cosines.length > 0 ? tf.add<tf.Scalar>(errors, tf.mul(decouple, decouplingLoss(cosines))) : errors;
    atTime(-1);
    return value;
  };
  return valueAndGradients(
    objective,
    leaves(params).map(([, leaf]) => leaf),
  );
}
