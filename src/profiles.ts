import { checkedSettings, type Experiment, requireSettingNames } from "./settings";
import { UsageError } from "./types";

/** The learnable small experiment: minutes on a native engine. */
const small: Experiment = {
  model: "MS-ConvLSTM",
  filters: 16,
  kernelSize: 3,
  dataset: "moving-mnist",
  variant: "small",
  size: 32,
  context: 10,
  horizon: 10,
  batch: 8,
  iterations: 1500,
  optimizer: "adam",
  learningRate: 3e-3,
  schedule: "cosine",
  // With the absolute error beside it a young network stays at the black frame for long.
  loss: { mse: 1, mae: 0 },
  sampling: "scheduled",
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
    variant: "paper",
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

/** The profile a backend can train in minutes. */
export const profileFor = (backend: string): string => (["wasm", "cpu"].includes(backend) ? "fallback" : "small");

/**
 * A profile with overrides. Another data set takes neither the profile's variant nor its frame side. Errors: unknown profile or setting, a
 * number that makes no sense, a setting that would be ignored.
 */
export function experiment(profile: string, overrides: Partial<Experiment> = {}): Experiment {
  if (!Object.hasOwn(profiles, profile)) {
    throw new UsageError(`unknown profile: ${profile}; expected one of ${Object.keys(profiles).join(", ")}`);
  }
  requireSettingNames(Object.keys(overrides));
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  // The profile has a value for each: one of these that is given beside the other would be ignored.
  if (given.epochs !== undefined && given.iterations !== undefined)
    throw new UsageError("expected either iterations or epochs");
  if (given.samplingPart !== undefined && given.sampling === "none")
    throw new UsageError("samplingPart needs sampling scheduled or reverse");
  const { variant, size, ...rest } = profiles[profile];
  const same = given.dataset === undefined || given.dataset === rest.dataset;
  return checkedSettings({ ...rest, ...(same && { variant, size }), ...given });
}
