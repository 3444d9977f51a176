import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../datasets/dataset";
import { type LossWeights, loss } from "../loss";
import type { Model, ModelParams } from "../model";
import { random } from "../random";
import { teach } from "../rollout";
import type { Sampling } from "../sampling";
import { disposeTree, leaves, mapTree, unflatten } from "../tree";
import { type Clip, type Sequences, type Tree, UserError } from "../types";
import { type AdamOptions, adamRates, adamUpdate, type Schedule } from "./optimizer";

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
}

/** What the trainer says after each step, and once at the end. */
export type TrainEvent =
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
  | { readonly kind: "done"; readonly state: TrainState };

/** The state of a run that has not begun: parameters from `seed`, moments zero. */
export function startState(model: Model, seed: number): TrainState {
  const params = model.init(seed);
  const zeros = () => mapTree(params, (leaf) => tf.zerosLike(leaf));
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
  if (state.iteration < options.iterations) {
    for await (const { data, ids } of batches) {
      const started = performance.now();
      const { next, lossValue, finite, learningRate } = await step(model, data, state, options);
      if (!Number.isFinite(lossValue) || !finite) {
        disposeState(next);
        const wrong = Number.isFinite(lossValue) ? "weights are no longer finite after" : `loss is ${lossValue} at`;
        throw new UserError(
          `${wrong} iteration ${state.iteration + 1}, expected finite numbers; clips: ${ids.join(", ")}`,
        );
      }
      disposeState(state);
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
}

/** One optimiser step: a new state, the old one untouched. */
async function step(model: Model, data: Sequences, state: TrainState, options: TrainOptions) {
  const { iteration } = state;
  const learningRate = options.learningRate(iteration);
  const [batch, time] = data.shape;
  const draws = random(options.seed ?? 0, "sampling", iteration);
  const mask = options.sampling(iteration, batch, time, draws);
  const { next, told } = tf.tidy(() => {
    const clip = tf.tensor5d(data.data, data.shape as Sequences["shape"] & number[]) as Clip;
    const sees = tf.tensor2d(mask, [batch, time - 2]);
    const { value, gradients } = lossAndGradients(model, state.params, clip, sees, options.loss);
    const slots = leaves(state.params).map(([, weight], i) => ({
      weight,
      first: leaves(state.first)[i][1],
      second: leaves(state.second)[i][1],
    }));
    const rates = adamRates(learningRate, iteration + 1, options.adam);
    const updated = slots.map((slot, i) => adamUpdate(slot, gradients[i], rates, options.adam));
    const next = {
      params: unflatten(
        state.params,
        updated.map((slot) => slot.weight),
      ),
      first: unflatten(
        state.first,
        updated.map((slot) => slot.first),
      ),
      second: unflatten(
        state.second,
        updated.map((slot) => slot.second),
      ),
    };
    // 0 where all weights are finite, otherwise NaN: one more number to read, in the same reading as the loss.
    const doubt = tf.addN(updated.map(({ weight }) => tf.sum(tf.sub(weight, weight))));
    return { next, told: tf.stack([value, doubt]) } as unknown as tf.TensorContainerObject;
  }) as unknown as { next: Omit<TrainState, "iteration">; told: tf.Tensor1D };
  const [lossValue, doubt] = await told.data();
  told.dispose();
  return { next: { ...next, iteration: iteration + 1 }, lossValue, finite: doubt === 0, learningRate };
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
  const objective = (...values: tf.Tensor[]) =>
    loss(teach(model, unflatten<Tree>(params, values) as ModelParams, clip, mask), observed, weights);
  const { value, grads } = tf.valueAndGrads(objective)(leaves(params).map(([, leaf]) => leaf));
  return { value: value as tf.Scalar, gradients: grads };
}
