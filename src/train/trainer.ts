import * as tf from "@tensorflow/tfjs";
import { type Compiled, type CompileOptions, compile, type Step } from "../compile";
import type { Batch } from "../datasets/dataset";
import { decouplingLoss, type LossWeights, loss } from "../loss";
import type { Model, ModelParams } from "../model";
import { atTime } from "../place";
import { random } from "../random";
import { teach } from "../rollout";
import type { Sampling } from "../sampling";
import { disposeTree, leaves, mapTree, unflatten } from "../tree";
import { type Clip, type Sequences, type Tree, UserError } from "../types";
import { valueAndGradients } from "../valueAndGradients";
import { type AdamOptions, type AdamSlot, adamRates, adamUpdate, type Schedule } from "./optimizer";

/** All that a run must remember: with the same options it continues with the same numbers. */
export interface TrainState {
  /** Optimiser steps done so far. */
  readonly iteration: number;
  readonly params: ModelParams;
  /** Adam's moments, nested like the parameters. */
  readonly first: ModelParams;
  readonly second: ModelParams;
}

export interface TrainOptions {
  /** Optimiser steps in all, those before a resume included. */
  readonly iterations: number;
  /** Learning rate of each iteration. */
  readonly learningRate: Schedule;
  /** Which true frames the network sees. */
  readonly sampling: Sampling;
  /** Weights of the loss's two terms. Default 1 and 1 (SPEC section 5). */
  readonly loss?: LossWeights;
  /** Of the sampling masks. Default 0. */
  readonly seed?: number;
  readonly adam?: AdamOptions;
  /**
   * How the step is recorded and replayed where the backend can; `false`: operation by operation. Both give the numbers of one
   * step to within rounding.
   */
  readonly compile?: Omit<CompileOptions, "key" | "donate" | "onFallback"> | false;
  /** Stops the training, also in the middle of a step, which then has not happened. */
  readonly signal?: AbortSignal;
}

/** What the trainer says after each step, and once at the end. */
export type TrainEvent =
  /** Something to know, such as why steps are not replayed. */
  | { readonly kind: "note"; readonly text: string; readonly state: TrainState }
  | {
      readonly kind: "step";
      /** Counted from 1. */
      readonly iteration: number;
      readonly loss: number;
      readonly learningRate: number;
      /** Predicted frames per second of this step, over the whole batch. */
      readonly framesPerSecond: number;
      /** Valid until the next event is asked for; after a `break` it belongs to the caller. */
      readonly state: TrainState;
    }
  /** `signal` was given; `state` is that of the last complete step. */
  | { readonly kind: "stopped"; readonly state: TrainState }
  | { readonly kind: "done"; readonly state: TrainState };

/** The state of a run that has not begun: parameters from `seed`, moments zero. */
export function startState(model: Model, seed: number): TrainState {
  const params = model.init(seed);
  const zeros = () => mapTree(params, (leaf) => tf.fill(leaf.shape, 0));
  return { iteration: 0, params, first: zeros(), second: zeros() };
}

/** Gives back the memory of a state. */
export function disposeState({ params, first, second }: TrainState): void {
  for (const tree of [params, first, second]) disposeTree(tree);
}

/**
 * Trains with Adam, one optimiser step a batch. Nothing is drawn, printed or written here: a notebook, the command line or
 * a sweep does that with the events. Stopping is `break`, resuming is passing an earlier state and batches from its
 * iteration on. The given state is used up.
 *
 * @param batches clips from iteration `state.iteration` on, for example of `clips(dataset, "train", { from })`
 * Errors: a loss or weights that are not finite; the message names the iteration and the clips of the batch, and leaves the last good state to the
 * caller (`state` of the last event).
 */
export async function* train(
  model: Model,
  batches: AsyncIterable<Pick<Batch, "data" | "ids">>,
  state: TrainState,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, void, void> {
  const { signal } = options;
  const notes: string[] = [];
  const step = compile(trainingStep(model, options), {
    ...options.compile,
    eager: options.compile === false,
    donate: true,
    onFallback: (reason) => notes.push(reason),
  });
  const cancel = () => step.cancel();
  signal?.addEventListener("abort", cancel);
  try {
    if (state.iteration < options.iterations) {
      for await (const { data, ids } of batches) {
        const started = performance.now();
        const result = signal?.aborted ? undefined : await advance(step, data, state, options);
        for (const text of notes.splice(0)) yield { kind: "note", text, state };
        if (!result) {
          yield { kind: "stopped", state };
          return;
        }
        const { next, lossValue, finite, learningRate } = result;
        // A step whose outputs are not finite has left the state as it was.
        if (!Number.isFinite(lossValue) || !finite) {
          const wrong = Number.isFinite(lossValue) ? "weights are no longer finite after" : `loss is ${lossValue} at`;
          throw new UserError(
            `${wrong} iteration ${state.iteration + 1}, expected finite numbers; clips: ${ids.join(", ")}`,
          );
        }
        state = next;
        const [batch, time] = data.shape;
        const framesPerSecond = (batch * (time - 1) * 1000) / (performance.now() - started);
        yield { kind: "step", iteration: state.iteration, loss: lossValue, learningRate, framesPerSecond, state };
        if (state.iteration >= options.iterations) break;
        // An engine that computes synchronously would never let signals, sockets and timers have their turn.
        await new Promise(setImmediate);
      }
    }
    if (state.iteration < options.iterations) {
      throw new UserError(`the data ended after ${state.iteration} batches, expected ${options.iterations} iterations`);
    }
    yield { kind: "done", state };
  } finally {
    signal?.removeEventListener("abort", cancel);
    step.dispose();
  }
}

/** What one optimiser step changes. */
export type Weights = Omit<TrainState, "iteration">;

/** What one optimiser step is given. */
export type StepInputs = {
  readonly clip: Clip;
  /** [batch, time - 2], as in `teach` */
  readonly mask: tf.Tensor2D;
  /** [2], of `adamRates` */
  readonly rates: tf.Tensor1D;
};

/** The loss, and a number that is 0 where all new weights are finite and NaN otherwise: [2], so that both are read at once. */
export type StepOutputs = { readonly told: tf.Tensor1D };

/** One optimiser step as a pure function, which `compile` can record: new weights and moments, the old ones untouched. */
export const trainingStep =
  (model: Model, options: Pick<TrainOptions, "loss" | "adam"> = {}): Step<Weights, StepInputs, StepOutputs> =>
  (state, { clip, mask, rates }) => {
    const { value, gradients } = lossAndGradients(model, state.params, clip, mask, options.loss);
    const [first, second] = [state.first, state.second].map((tree) => leaves(tree).map(([, leaf]) => leaf));
    const updated = leaves(state.params).map(([, weight], i) =>
      adamUpdate({ weight, first: first[i], second: second[i] }, gradients[i], rates, options.adam),
    );
    const next = (part: keyof AdamSlot) =>
      unflatten(
        state.params,
        updated.map((slot) => slot[part]),
      );
    const doubt = tf.addN(updated.map(({ weight }) => tf.sum(tf.sub(weight, weight))));
    return {
      state: { params: next("weight"), first: next("first"), second: next("second") },
      outputs: { told: tf.stack([value, doubt]) as tf.Tensor1D },
    };
  };

/** What the step after so many iterations is given: new tensors, which belong to the caller. */
export function stepInputs(data: Sequences, iteration: number, options: TrainOptions): StepInputs {
  const [batch, time] = data.shape;
  const draws = random(options.seed ?? 0, "sampling", iteration);
  return {
    clip: tf.tensor5d(data.data, data.shape as Sequences["shape"] & number[]) as Clip,
    mask: tf.tensor2d(options.sampling(iteration, batch, time, draws), [batch, time - 2]),
    rates: adamRates(options.learningRate(iteration), iteration + 1, options.adam),
  };
}

/** One optimiser step; nothing where it was stopped. */
async function advance(
  step: Compiled<Weights, StepInputs, StepOutputs>,
  data: Sequences,
  { iteration, params, first, second }: TrainState,
  options: TrainOptions,
) {
  const inputs = stepInputs(data, iteration, options);
  try {
    const result = await step.run({ params, first, second }, inputs);
    if (!result) return undefined;
    const { told } = result.outputs;
    const [lossValue, doubt] = await told.data();
    told.dispose();
    const learningRate = options.learningRate(iteration);
    return { next: { ...result.state, iteration: iteration + 1 }, lossValue, finite: doubt === 0, learningRate };
  } finally {
    disposeTree(inputs);
  }
}

/**
 * Loss of a clip and its gradient for every weight, in the order of `leaves(params)`.
 * @param mask [batch, time - 2], as in `teach`
 */
export function lossAndGradients(
  model: Model,
  params: ModelParams,
  clip: Clip,
  mask: tf.Tensor2D,
  weights?: LossWeights,
): { value: tf.Scalar; gradients: tf.Tensor[] } {
  const observed = tf.slice(clip, [0, 1], [-1, -1]) as Clip;
  const objective = (...values: tf.Tensor[]) => {
    const cosines: tf.Tensor3D[] = [];
    const { decouple = 0.01 } = weights ?? {};
    const watch = decouple === 0 ? {} : { decoupling: (step: tf.Tensor3D) => void cosines.push(step) };
    const predictions = teach(model, unflatten<Tree>(params, values) as ModelParams, clip, mask, watch);
    const errors = loss(predictions, observed, weights);
    const value = cosines.length > 0 ? tf.add<tf.Scalar>(errors, tf.mul(decouple, decouplingLoss(cosines))) : errors;
    atTime(-1);
    return value;
  };
  return valueAndGradients(
    objective,
    leaves(params).map(([, leaf]) => leaf),
  );
}
