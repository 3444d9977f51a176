import { existsSync } from "node:fs";
import { rawFolder, standInFolder } from "./datasets/catalogue";
import type { Dataset } from "./datasets/dataset";
import { catalogue, entryNamed } from "./datasets/entries";
import { movingMnist } from "./datasets/movingMnist";
import { ownData } from "./datasets/ownData";
import type { PrepareOptions } from "./datasets/prepared";
import type { Model } from "./model";
import { didYouMean } from "./nearest";
import { modelFor, trainOptions } from "./recipe";
import type { Experiment } from "./settings";
import type { TrainOptions } from "./train/trainer";
import { validator } from "./train/validator";
import { UsageError, UserError } from "./types";

/** The name under which your own frames are trained on. */
export const OWN = "own";
/** The data set that is drawn when it is asked for, at any frame side. */
const DRAWN = "moving-mnist";

const STAND_IN_SEED = 2022;

/** The experiment's data set. Errors: an unknown name or variant, data that are not there or damaged, a side of frames that have their own. */
export async function openData(settings: Experiment, onProgress?: PrepareOptions["onProgress"]): Promise<Dataset> {
  const { dataset: name, variant, data, size, standIn = false, context, horizon } = settings;
  const time = context + horizon;
  if (!datasetNames().includes(name)) {
    const hint = didYouMean(name, datasetNames());
    throw new UsageError(`unknown data set: ${name}${hint}; expected one of ${datasetNames().join(", ")}`);
  }
  const profiles: readonly string[] = name === OWN ? [] : entryNamed(name).profiles;
  if (variant !== undefined && !profiles.includes(variant))
    throw new UsageError(`variant is ${variant}, expected ${profiles.join(" or ") || "none"} for ${name}`);
  if (standIn && data !== undefined) throw new UsageError("expected either data or standIn");
  if (name === OWN) {
    if (data === undefined) throw new UsageError(`data set ${OWN}: expected your frames given as data`);
    return ownData({ from: data, size, time, onProgress });
  }
  if (name === DRAWN) {
    if (standIn) throw new UsageError(`${name} has no stand-in`);
    return movingMnist({ profile: variant as "small" | "paper" | undefined, size, frames: time, digits: data });
  }
  if (size !== undefined) throw new UsageError(`size is ${size}, but the frames of ${name} have their own`);
  const entry = entryNamed(name);
  const from = standIn ? await standInFolder(entry, STAND_IN_SEED) : (data ?? rawFolder(name));
  if (!existsSync(from))
    throw new UserError(
      `${name}: expected its files in ${from}, or their place given as data; ${entry.how} (${entry.url})`,
    );
  return entry.open({ from, profile: variant, time, onProgress });
}

/** Names that `dataset` takes. */
export const datasetNames = (): string[] => [...catalogue.map(({ name }) => name), OWN];

/** An experiment ready to train. */
export interface Prepared {
  /** With iterations in place of epochs. */
  readonly settings: Experiment;
  readonly model: Model;
  readonly dataset: Dataset;
  readonly options: TrainOptions;
}

/** What an experiment's settings mean: the model, the data, and the options of `train`. Errors as for `openData` and `model`. */
export const prepare = async (settings: Experiment, onProgress?: PrepareOptions["onProgress"]): Promise<Prepared> =>
  prepareOn(settings, await openData(settings, onProgress));

/** The same for a data set that is open already. */
export function prepareOn(asked: Experiment, dataset: Dataset): Prepared {
  const { epochs, ...rest } = asked;
  const iterations = epochs === undefined ? rest.iterations : Math.ceil((epochs * dataset.size("train")) / rest.batch);
  const settings: Experiment = { ...rest, iterations };
  const network = modelFor(settings, dataset.frame);
  const { validateEvery, validationClips = 100, patience, context, batch } = settings;
  const validate = validateEvery && {
    every: validateEvery,
    patience,
    score: validator(network, dataset, { context, clips: validationClips, batch }),
  };
  return { settings, model: network, dataset, options: { ...trainOptions(settings), ...(validate && { validate }) } };
}
