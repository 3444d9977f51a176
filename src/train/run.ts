import { appendFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { version as tfjs } from "@tensorflow/tfjs";
import { readJson, writeAtomic } from "../files";
import type { Model } from "../model";
import { type Experiment, experiment, prepare, profiles } from "../profiles";
import { UserError } from "../types";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint";
import type { TrainState } from "./trainer";

/**
 * A run is a folder: config.json, log.jsonl, checkpoint/ITERATION.safetensors, scores. Nothing in it is ever deleted; where a run
 * was killed and continued, the log tells the steps after its last checkpoint twice, a line `resume` between them.
 */
export interface Run {
  readonly folder: string;
  readonly settings: Experiment;
  /** Appends one event, a line of JSON. */
  log(event: object): void;
  checkpoint(model: Model, state: TrainState): Promise<string>;
}

/** Begins a run. Error: the folder exists already. */
export function createRun(folder: string, settings: Experiment, backend: string): Run {
  const found = existsSync(folder) ? statSync(folder) : undefined;
  if (found && !found.isDirectory()) throw new UserError(`${folder} is a file, expected a folder for the run`);
  if (found && readdirSync(folder).length > 0) {
    throw new UserError(`${folder} exists already: choose another --out, or continue it with --resume ${folder}`);
  }
  const versions = { node: process.version, tfjs: tfjs.tfjs };
  writeAtomic(join(folder, "config.json"), `${JSON.stringify({ settings, backend, versions }, null, 2)}\n`);
  return runIn(folder, settings);
}

/** Opens a run. Errors: no such run, settings that are not ours. */
export function openRun(folder: string): Run {
  const config = readJson(join(folder, "config.json"), "run's config.json") as { settings?: Partial<Experiment> };
  const { settings } = config ?? {};
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw new UserError(`${join(folder, "config.json")} has no settings`);
  }
  const missing = Object.keys(profiles.small).find((name) => !Object.hasOwn(settings, name));
  if (missing) throw new UserError(`${join(folder, "config.json")} lacks the setting ${missing}`);
  return runIn(folder, experiment("small", settings));
}

/** Path of the newest checkpoint of a run. Error: none yet. */
export function latestCheckpoint({ folder }: Run): string {
  const checkpoints = join(folder, "checkpoint");
  const iterations = (existsSync(checkpoints) ? readdirSync(checkpoints) : [])
    .map((name) => /^(\d{1,15})\.safetensors$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number);
  if (iterations.length === 0) throw new UserError(`${folder} has no checkpoint yet`);
  return checkpointPath(folder, Math.max(...iterations));
}

/** The newest state of a run, with its model. Error: no checkpoint, or a damaged one. */
export function latestState(run: Run): { model: Model; state: TrainState; path: string } {
  const { model } = prepare(run.settings);
  const path = latestCheckpoint(run);
  return { model, state: loadCheckpoint(path, model), path };
}

const checkpointPath = (folder: string, iteration: number) => join(folder, "checkpoint", `${iteration}.safetensors`);

function runIn(folder: string, settings: Experiment): Run {
  return {
    folder,
    settings,
    log: (event) => appendFileSync(join(folder, "log.jsonl"), `${JSON.stringify(event)}\n`),
    async checkpoint(model, state) {
      const path = checkpointPath(folder, state.iteration);
      await saveCheckpoint(path, model, state, settings);
      return path;
    },
  };
}
