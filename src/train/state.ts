import * as tf from "@tensorflow/tfjs";
import type { Model, ModelParams } from "../model";
import { disposeTree, mapTree } from "../tree";
import { UsageError } from "../types";
import { adam, type Optimizer } from "./optimizer";

/** The tensors that one optimiser step changes, each tree nested like the parameters. */
export type Weights = {
  readonly params: ModelParams;
  /** What the optimiser remembers, by its slots' names. */
  readonly slots: { readonly [slot: string]: ModelParams };
  /** Moving average of the parameters, of runs that keep one. */
  readonly average?: ModelParams;
};

/** What validations have found so far. */
export interface Validated {
  /** Iteration after which the last one took place. */
  readonly iteration: number;
  /** The lowest score, and the iteration it was found after. */
  readonly best: { readonly iteration: number; readonly score: number };
  /** Validations since then, none of which was better. */
  readonly since: number;
}

/** All that a run must remember: with the same options it continues with the same numbers and takes the same decisions. */
export type TrainState = Weights & {
  /** Optimiser steps done so far. */
  readonly iteration: number;
  /** Name of the optimiser that the slots belong to. */
  readonly optimizer: string;
  /** Absent before the first validation. */
  readonly validated?: Validated;
};

/** What of a run's options its state depends on. */
export interface StateOptions {
  /** Default `adam()`. */
  readonly optimizer?: Optimizer;
  /**
   * Keeps a moving average of the weights beside them: after step t, counted from 1, it keeps the part min(averageDecay,
   * (t - 1) / t) of itself. So it starts as the plain mean of the weights after each step, and the weights of the start are
   * forgotten at once. In [0, 1); default: no average.
   */
  readonly averageDecay?: number;
}

/** The state of a run that has not begun: parameters from `seed`, slots zero, the average equal to the parameters. */
export function startState(
  model: Model,
  seed: number,
  { optimizer = adam(), averageDecay }: StateOptions = {},
): TrainState {
  const params = model.init(seed);
  const zeros = () => mapTree(params, (leaf) => tf.fill(leaf.shape, 0));
  const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, zeros()]));
  const average = averageDecay === undefined ? {} : { average: mapTree(params, (leaf) => tf.clone(leaf)) };
  return { iteration: 0, optimizer: optimizer.name, params, slots, ...average };
}

/** The tensors of a state alone: what `trainingStep` takes. */
export const weightsOf = ({ params, slots, average }: Weights): Weights => ({
  params,
  slots,
  ...(average && { average }),
});

/** The weights to forecast with: their average where there is one. */
export const forecastParams = ({ params, average }: Weights): ModelParams => average ?? params;

/** Gives back the memory of a state. */
export const disposeState = (state: Weights): void => disposeTree(weightsOf(state));

/** Error: a state of other options. */
export function requireState(
  { optimizer: name, slots, average }: TrainState,
  { optimizer = adam(), averageDecay }: StateOptions,
): void {
  const told = (of: string, kept: readonly string[]) => `of ${of} with ${kept.join(", ") || "no slots"}`;
  const [came, expected] = [told(name, Object.keys(slots)), told(optimizer.name, optimizer.slots)];
  if (came !== expected) throw new UsageError(`the state is ${came}, expected one ${expected}`);
  if ((average === undefined) !== (averageDecay === undefined)) {
    throw new UsageError(
      `the state has ${average ? "averaged" : "no averaged"} weights, averageDecay is ${averageDecay}`,
    );
  }
}
