import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Dataset, Split } from "../datasets/dataset";
import { fingerprint } from "../datasets/fingerprint";
import { cannotWrite, makeFolder, readJson, writeAtomic } from "../files";
import type { FrameShape, Model } from "../model";
import type { Prepared } from "../prepare";
import { modelFor, optimizerOf } from "../recipe";
import { checkedSettings, type Experiment } from "../settings";
import { UsageError, UserError } from "../types";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint";
import { lockRun } from "./lock";
import { type Provenance, provenance } from "./provenance";
import { disposeState, type TrainState } from "./state";

/**
 * A run is a folder: config.json, log.jsonl, TensorBoard's event files, checkpoint/ITERATION.safetensors, scores, a report. What is
 * removed from it is told in the log, and that are older checkpoints alone.
 */
export interface Run {
  readonly folder: string;
  readonly config: RunConfig;
  readonly settings: Experiment;
}

/** What config.json holds. */
export interface RunConfig extends Partial<Provenance> {
  readonly settings: Experiment;
  /** Of the data. */
  readonly frame: FrameShape;
  readonly backend: string;
  /** Name and checksum (see `fingerprint`) of the data, and how many clips each split has. */
  readonly data?: { readonly name: string; readonly sha256: string; readonly clips: Readonly<Record<Split, number>> };
}

/** Begins a run on the data it was prepared with. Errors: the folder exists already, or another process begins a run there. */
export async function createRun(folder: string, { settings, model, dataset }: Prepared, backend: string): Promise<Run> {
  const found = existsSync(folder) ? statSync(folder) : undefined;
  if (found && !found.isDirectory()) throw new UserError(`${folder} is a file, expected a folder for the run`);
  const taken = () => {
    if (existsSync(folder) && readdirSync(folder).length > 0)
      throw new UserError(`${folder} exists already: choose another --out, or continue it with --resume ${folder}`);
  };
  taken();
  const clips = { train: dataset.size("train"), validation: dataset.size("validation"), test: dataset.size("test") };
  const data = { name: dataset.name, sha256: await fingerprint(dataset), clips };
  try {
    makeFolder(folder);
  } catch (error) {
    throw cannotWrite(folder, error as NodeJS.ErrnoException);
  }
  const release = await lockRun(folder);
  try {
    taken();
    const { height, width, channels } = model.frame;
    const config: RunConfig = { settings, frame: { height, width, channels }, backend, data, ...provenance() };
    writeAtomic(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
    return { folder, config, settings };
  } finally {
    release();
  }
}

/** Opens a run. Errors: no such run, settings that are not ours. */
export function openRun(folder: string): Run {
  const path = join(folder, "config.json");
  const config = (readJson(path, "run's config.json") ?? {}) as Partial<RunConfig>;
  const settings = config.settings as unknown;
  if (typeof settings !== "object" || settings === null || Array.isArray(settings))
    throw new UserError(`${path} has no settings`);
  const { height, width, channels } = config.frame ?? {};
  if (![height, width, channels].every((side) => Number.isSafeInteger(side) && side! > 0))
    throw new UserError(`${path} does not say the shape of its frames: expected frame { height, width, channels }`);
  try {
    const checked = checkedSettings(settings as Record<string, unknown>);
    return { folder, config: config as RunConfig, settings: checked };
  } catch (error) {
    // Wrong here is not the call but the file.
    throw error instanceof UsageError ? new UserError(`${path}: ${error.message}`) : error;
  }
}

/** Error: the data are not those that the run began with. */
export async function requireSameData({ folder, config }: Run, dataset: Dataset): Promise<void> {
  const { data } = config;
  if (!data) return;
  const now = { name: dataset.name, sha256: await fingerprint(dataset) };
  const told = (one: { name: string; sha256: string }) => `${one.name} ${one.sha256.slice(0, 12)}`;
  if (now.sha256 !== data.sha256)
    throw new UserError(`${folder} was trained on other data: expected ${told(data)}, found ${told(now)}`);
}

const checkpoints = (folder: string) => join(folder, "checkpoint");
const checkpointPath = (folder: string, iteration: number) => join(checkpoints(folder), `${iteration}.safetensors`);

/** Iterations of a run's checkpoints, the newest last. */
export function checkpointsOf({ folder }: Pick<Run, "folder">): number[] {
  const names = existsSync(checkpoints(folder)) ? readdirSync(checkpoints(folder)) : [];
  const digits = names.map((name) => /^(\d{1,15})\.safetensors$/.exec(name)?.[1]);
  return digits
    .filter((found) => found !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** Path of the newest checkpoint of a run. Error: none yet. */
export function newestCheckpoint(run: Run): string {
  return checkpointPath(run.folder, iterationOf(run, "newest"));
}

/** Which of a run's states: an iteration, the last one, or the one with the best validation score. */
export type Which = number | "newest" | "best";

function iterationOf(run: Run, which: Which): number {
  const known = checkpointsOf(run);
  const newest = known.at(-1);
  if (newest === undefined) throw new UserError(`${run.folder} has no checkpoint yet`);
  if (typeof which === "number" && !known.includes(which))
    throw new UserError(`${run.folder} has no checkpoint of iteration ${which}; it has ${known.join(", ")}`);
  return typeof which === "number" ? which : newest;
}

/** A run's model and one of its states. Errors: no such checkpoint, or a damaged one; none was ever the best. */
export function stateOf(run: Run, which: Which = "newest"): { model: Model; state: TrainState; path: string } {
  const model = modelFor(run.settings, run.config.frame);
  const iteration = iterationOf(run, which);
  const path = checkpointPath(run.folder, iteration);
  const state = load(run, model, iteration);
  if (which !== "best" || state.validated?.best.iteration === iteration) return { model, state, path };
  const best = state.validated?.best.iteration;
  disposeState(state);
  if (best === undefined)
    throw new UserError(`${run.folder} has no best checkpoint: it never looked at validation clips`);
  return { ...stateOf(run, best) };
}

/** Error: damaged; then the one before is named, which may be whole. */
function load(run: Run, model: Model, iteration: number): TrainState {
  try {
    return loadCheckpoint(checkpointPath(run.folder, iteration), model, optimizerOf(run.settings));
  } catch (error) {
    const before = checkpointsOf(run)
      .filter((one) => one < iteration)
      .at(-1);
    if (!(error instanceof UserError) || before === undefined) throw error;
    const path = checkpointPath(run.folder, iteration);
    throw new UserError(`${error.message}; the run can go on from iteration ${before} once ${path} is moved away`);
  }
}

/** Checkpoints that are kept beside the best one. */
const KEPT = 2;

/** Writes a state, then removes what is older than the last two and not the best; gives the path and the iterations removed. */
export async function saveState(
  run: Run,
  model: Model,
  state: TrainState,
): Promise<{ path: string; removed: number[] }> {
  const { folder, settings, config } = run;
  const path = checkpointPath(folder, state.iteration);
  await saveCheckpoint(path, model, state, { ...settings, channels: config.frame.channels });
  const older = checkpointsOf(run).slice(0, -KEPT);
  const removed = older.filter((iteration) => iteration !== state.validated?.best.iteration);
  for (const iteration of removed) rmSync(checkpointPath(folder, iteration));
  return { path, removed };
}
