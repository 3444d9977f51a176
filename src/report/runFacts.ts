import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { readFile } from "../files";
import { type ModelReport, reportModel } from "../model";
import { modelFor } from "../recipe";
import type { Experiment } from "../settings";
import { mean, median } from "../statistics";
import { openRun, type RunConfig } from "../train/run";
import { type LogEvent, readLog } from "../train/runLog";
import { readEvaluations, type StoredEvaluation } from "./evaluations";

/** What a report tells of one run, read from its folder. */
export interface RunFacts {
  readonly folder: string;
  /** Name of the folder. */
  readonly name: string;
  readonly settings: Experiment;
  /** The data set's own name, and how many sequences it has to train on. */
  readonly dataset: string;
  readonly trainingSequences?: number;
  readonly cost: ModelReport;
  readonly backend: string;
  /** Where and when it was trained, as far as its config.json says. */
  readonly machine?: string;
  readonly commit?: string;
  readonly date?: string;
  readonly log: readonly LogEvent[];
  /** Optimiser steps that were done. */
  readonly iterations: number;
  /** Mean training loss of the last twentieth of the logged steps. */
  readonly finalLoss?: number;
  /** Median over the logged steps. */
  readonly secondsPerStep?: number;
  /** The largest that was logged. */
  readonly peakBytes?: number;
  /** On the test clips: of the latest weights that were scored, on the most clips; none where nothing was. */
  readonly evaluation?: StoredEvaluation;
  /** Example forecasts, as the bytes of a PNG file. */
  readonly forecast?: Buffer;
}

/** Reads a run's folder. Errors: no such run, settings that are not ours, a damaged log or scores file. */
export function readRun(folder: string): RunFacts {
  const { settings, config } = openRun(folder);
  const log = existsSync(join(folder, "log.jsonl")) ? readLog(folder) : [];
  const steps = log.filter((event) => event.kind === "step");
  const { batch, context, horizon } = settings;
  const seconds = steps.map(({ framesPerSecond }) => (batch * (context + horizon - 1)) / framesPerSecond);
  const losses = steps.map(({ loss }) => loss);
  const peaks = log.flatMap((event) => ("peakBytes" in event && event.peakBytes ? [event.peakBytes] : []));
  const picture = join(folder, "forecast.png");
  return {
    folder,
    name: basename(resolve(folder)),
    settings,
    dataset: config.data?.name ?? settings.dataset,
    ...(config.data && { trainingSequences: config.data.clips.train }),
    cost: reportModel(modelFor(settings, config.frame)),
    ...begun(config),
    log,
    iterations: Math.max(0, ...steps.slice(-1).map(({ iteration }) => iteration)),
    ...(losses.length > 0 && { finalLoss: mean(losses.slice(-Math.ceil(losses.length / 20))) }),
    ...(seconds.length > 0 && { secondsPerStep: median(seconds) }),
    ...(peaks.length > 0 && { peakBytes: Math.max(...peaks) }),
    evaluation: newest(readEvaluations(folder, horizon)),
    ...(existsSync(picture) && { forecast: readFile(picture, "example forecasts") }),
  };
}

/** With what, where and when it was begun, as far as it is told. */
function begun({ backend, processor, threads, commit, started }: RunConfig) {
  return {
    backend,
    ...(processor && { machine: `${processor}, ${threads} threads` }),
    ...(commit && { commit }),
    ...(started && { date: started }),
  };
}

/** The one of the latest weights; among those, on the most clips. */
const newest = (evaluations: readonly StoredEvaluation[]): StoredEvaluation | undefined =>
  evaluations
    .filter(({ split }) => split === "test")
    .sort((a, b) => a.iteration - b.iteration || a.clips - b.clips)
    .at(-1);
