import type { LossWeights } from "./loss";
import { didYouMean } from "./nearest";
import { UsageError } from "./types";

/**
 * Everything that decides the numbers of an experiment, as plain values: what a run's config.json, a `--config` file and the
 * command line hold, under the same names and rules.
 */
export interface Experiment {
  /** Name in the registry of models. */
  readonly model: string;
  /** Channels of every layer. */
  readonly filters: number;
  readonly kernelSize: number;
  /** Side of the squares of pixels that become channels before the network, and pixels again after it. Default 1: none. */
  readonly patch?: number;
  /** Name in the catalogue of data sets, or "own" for your own frames. */
  readonly dataset: string;
  /** Which of the data set's profiles. Default: its first. */
  readonly variant?: string;
  /** Folder or file with the data; of Moving MNIST other digit pictures. Default: where `data prepare` puts them. */
  readonly data?: string;
  /** Train on simulated files of the data set's format. Default false. */
  readonly standIn?: boolean;
  /** Side of the square frames, pixels, of Moving MNIST and of own frames; other data sets have their own. */
  readonly size?: number;
  /** Frames seen and frames predicted. */
  readonly context: number;
  readonly horizon: number;
  /** Clips an optimiser step. */
  readonly batch: number;
  /** Optimiser steps. */
  readonly iterations: number;
  /** Instead of iterations: how often to go through the training clips. `prepare` turns it into iterations. */
  readonly epochs?: number;
  readonly optimizer: "adam" | "adamW" | "sgd";
  /** Highest learning rate of the schedule. */
  readonly learningRate: number;
  readonly schedule: "constant" | "cosine" | "one-cycle";
  /** Iterations over which the learning rate first rises from 0. Default 0. */
  readonly warmUp?: number;
  /** Added to the gradient (adam, sgd) or taken from the weights (adamW, default 0.01). Default 0. */
  readonly weightDecay?: number;
  /** Of sgd. Default 0. */
  readonly momentum?: number;
  /** Of sgd with momentum: look ahead along the new direction. Default false. */
  readonly nesterov?: boolean;
  /** Of adam and adamW: decays of the two moments, 0.9 and 0.999, and what is added to the root, 1e-8. */
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Largest norm of all gradients together; longer ones are shortened to it. Default: none. */
  readonly clipNorm?: number;
  /** Decay of a moving average of the weights, which is then what is scored. Default: none. */
  readonly averageDecay?: number;
  readonly loss: LossWeights;
  /** Which predictions the loss is of. Default "all". */
  readonly lossOn?: "all" | "horizon";
  /** Which true frames the network sees while it learns. */
  readonly sampling: "scheduled" | "reverse" | "none";
  /** Part of the iterations over which sampling falls from truth to own predictions. */
  readonly samplingPart: number;
  /** Number format of convolutions' operands; see `CompileOptions.precision`. Default "f32". */
  readonly precision?: "f32" | "bf16";
  /** Compute the inside of a time step again for its gradient: less memory for more time. Default false. */
  readonly rematerialize?: boolean;
  /** Of weights, order of clips and sampling. The test clips do not depend on it. */
  readonly seed: number;
  /** Iterations from one look at the validation clips to the next. Default: none. */
  readonly validateEvery?: number;
  /** Clips of the validation split that are looked at. Default 100. */
  readonly validationClips?: number;
  /** Looks without a better score after which the training ends early. Default: never. */
  readonly patience?: number;
  /** Iterations from one checkpoint to the next. Default: a tenth of all. */
  readonly checkpointEvery?: number;
  /** Clips of the test set that are scored. */
  readonly testClips: number;
}

export type SettingName = keyof Experiment;

/** What a setting may be, however it is given. */
export interface Setting {
  readonly expected: string;
  /** Whether it may be missing. */
  readonly optional: boolean;
  /** An option without a value on the command line. */
  readonly flag: boolean;
  is(value: unknown): boolean;
  /** From the command line; what cannot be read stays a text, which `is` then refuses. */
  read(text: string): unknown;
}

type Rule = Pick<Setting, "expected" | "is" | "read"> & { readonly flag?: boolean };

const readNumber = (text: string) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));
const number = (expected: string, is: (value: number) => boolean): Rule => ({
  expected,
  is: (value) => typeof value === "number" && Number.isFinite(value) && is(value),
  read: readNumber,
});
const whole = (low: number, high = Number.MAX_SAFE_INTEGER): Rule =>
  number(
    high === Number.MAX_SAFE_INTEGER ? `a whole number from ${low}` : `a whole number from ${low} to ${high}`,
    (value) => Number.isSafeInteger(value) && value >= low && value <= high,
  );
const positive = number("a positive number", (value) => value > 0);
const notNegative = number("a number that is not negative", (value) => value >= 0);
const share = number("a number from 0 to below 1", (value) => value >= 0 && value < 1);
const text = (expected: string): Rule => ({
  expected,
  is: (value) => typeof value === "string" && value !== "",
  read: (given) => given,
});
const oneOf = (...names: string[]): Rule => ({
  ...text(names.join(" or ")),
  is: (value) => names.includes(value as never),
});
const flag: Rule = {
  expected: "true or false",
  is: (value) => typeof value === "boolean",
  read: () => true,
  flag: true,
};

const isWeight = (value: unknown) => value === undefined || (Number.isFinite(value) && (value as number) >= 0);
const lossWeights: Rule = {
  expected: "weights { mse, mae, decouple } that are not negative, mse and mae not both 0",
  is(value) {
    if (typeof value !== "object" || value === null) return false;
    const { mse, mae, decouple, ...others } = value as Record<string, unknown>;
    const weights = [mse, mae, decouple].every(isWeight) && !(mse === 0 && mae === 0);
    return weights && Object.keys(others).length === 0;
  },
  read: (given) =>
    Object.fromEntries(
      given.split(",").map((term) => {
        const [name, weight = ""] = term.split("=");
        return [name, readNumber(weight)];
      }),
    ),
};

const required: { readonly [Name in SettingName]?: Rule } = {
  model: text("a name"),
  filters: whole(1, 1024),
  kernelSize: number("an odd number from 1", (value) => Number.isSafeInteger(value) && value >= 1 && value % 2 === 1),
  dataset: text("a name"),
  context: whole(1),
  horizon: whole(1),
  batch: whole(1, 65_536),
  iterations: whole(1),
  optimizer: oneOf("adam", "adamW", "sgd"),
  learningRate: positive,
  schedule: oneOf("constant", "cosine", "one-cycle"),
  loss: lossWeights,
  sampling: oneOf("scheduled", "reverse", "none"),
  samplingPart: number("a number above 0, at most 1", (value) => value > 0 && value <= 1),
  seed: whole(0),
  testClips: whole(1),
};
const optional: { readonly [Name in SettingName]?: Rule } = {
  patch: whole(1, 64),
  variant: text("a name"),
  data: text("a path"),
  standIn: flag,
  size: whole(1, 4096),
  epochs: positive,
  warmUp: whole(0),
  weightDecay: notNegative,
  momentum: share,
  nesterov: flag,
  beta1: share,
  beta2: share,
  epsilon: positive,
  clipNorm: positive,
  averageDecay: share,
  lossOn: oneOf("all", "horizon"),
  precision: oneOf("f32", "bf16"),
  rematerialize: flag,
  validateEvery: whole(1),
  validationClips: whole(1),
  patience: whole(1),
  checkpointEvery: whole(1),
};

const table = (rules: typeof required, isOptional: boolean) =>
  Object.entries(rules).map(([name, rule]) => [name, { flag: false, ...rule, optional: isOptional }] as const);

/** Every setting's name and rule. */
export const settingRules = Object.fromEntries([...table(required, false), ...table(optional, true)]) as Readonly<
  Record<SettingName, Setting>
>;

export const settingNames = Object.keys(settingRules) as SettingName[];

/** Settings that mean something only beside a value of another one: given without it, they would be ignored. */
const onlyWith: readonly (readonly [SettingName, SettingName, (value: unknown) => boolean, string])[] = [
  ["momentum", "optimizer", (value) => value === "sgd", "optimizer sgd"],
  ["nesterov", "momentum", (value) => typeof value === "number" && value > 0, "momentum above 0"],
  ...(["beta1", "beta2", "epsilon"] as const).map(
    (name) => [name, "optimizer", (value: unknown) => value !== "sgd", "optimizer adam or adamW"] as const,
  ),
  ["validationClips", "validateEvery", (value) => value !== undefined, "validateEvery"],
  ["patience", "validateEvery", (value) => value !== undefined, "validateEvery"],
];

/** Errors: an unknown name, with the nearest known one. */
export function requireSettingNames(names: readonly string[], known: readonly string[] = settingNames): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const hint = didYouMean(unknown, known);
  throw new UsageError(`unknown setting: ${unknown}${hint}; expected one of ${known.join(", ")}`);
}

/** Settings that are complete and make sense, or an error in one line. */
export function checkedSettings(values: Readonly<Record<string, unknown>>): Experiment {
  requireSettingNames(Object.keys(values));
  for (const [name, { is, expected, optional: may }] of Object.entries(settingRules)) {
    const value = values[name];
    if (value === undefined && may) continue;
    if (value === undefined) throw new UsageError(`the setting ${name} is missing, expected ${expected}`);
    if (!is(value)) throw new UsageError(`${name} is ${JSON.stringify(value)}, expected ${expected}`);
  }
  for (const [name, other, fits, expected] of onlyWith)
    if (values[name] !== undefined && !fits(values[other])) throw new UsageError(`${name} needs ${expected}`);
  const settings = values as unknown as Experiment;
  if (settings.context + settings.horizon < 3)
    throw new UsageError("context and horizon must be 3 frames together at least");
  return settings;
}
