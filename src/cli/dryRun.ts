import { duration } from "../display/progress";
import type { DryRun } from "../train/dryRun";
import { megabytes } from "./benchSettings";
import type { Outcome } from "./command";

/** Prints what a training would cost. */
export function tellDryRun(told: DryRun): Outcome {
  const { model, dataset, parameters, macsPerStep, iterations, iterationsPerEpoch } = told;
  const time = (seconds: number) => duration(1000 * seconds);
  const lines = [
    `${model} on ${dataset}: ${parameters.toLocaleString("en")} parameters, ${(macsPerStep / 1e9).toPrecision(4)} G multiply-adds a time step of one clip`,
    `a step takes ${told.stepSeconds.toPrecision(3)} s (median of a few), an epoch of ${iterationsPerEpoch.toLocaleString("en")} steps ${time(told.epochSeconds)}`,
    `${iterations.toLocaleString("en")} iterations: about ${time(told.seconds)}, at most ${megabytes(told.peakBytes)} of memory; nothing was written`,
  ];
  for (const line of lines) console.log(line);
  return { json: { ...told } };
}
