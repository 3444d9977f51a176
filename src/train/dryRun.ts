import { clips } from "../datasets/dataset";
import { type ModelReport, reportModel } from "../model";
import type { Prepared } from "../prepare";
import { median } from "../statistics";
import { disposeState, startState } from "./state";
import { train } from "./trainer";

/** Steps before the timed ones: the first is recorded, the second warms up. */
const WARM_UP = 2;

/** What a training would cost. */
export interface DryRun extends Pick<ModelReport, "parameters" | "macsPerStep"> {
  readonly model: string;
  readonly dataset: string;
  readonly iterations: number;
  /** Optimiser steps until all training clips were seen once. */
  readonly iterationsPerEpoch: number;
  /** Median of the measured steps, what it takes to make a batch included where that is not hidden behind them. */
  readonly stepSeconds: number;
  readonly epochSeconds: number;
  /** Of all iterations, without looks at validation clips. */
  readonly seconds: number;
  /** Largest resident memory of this process so far, bytes. */
  readonly peakBytes: number;
}

/**
 * Makes a few training steps and tells from them what the whole would take; nothing is written. The predicted memory is that of the
 * process, so that it is one of a training only where the process did nothing larger before.
 *
 * @param steps measured ones
 */
export async function dryRun({ settings, model, dataset, options }: Prepared, steps = 5): Promise<DryRun> {
  const { batch, seed, iterations } = settings;
  const seconds: number[] = [];
  let before = performance.now();
  const { validate: _, ...recipe } = options;
  const batches = clips(dataset, "train", { batch, seed });
  for await (const event of train(model, batches, startState(model, seed, options), recipe)) {
    if (event.kind === "step") {
      seconds.push((performance.now() - before) / 1000);
      before = performance.now();
    }
    if (seconds.length < WARM_UP + steps && event.kind !== "done") continue;
    disposeState(event.state);
    break;
  }
  const { parameters, macsPerStep } = reportModel(model);
  const stepSeconds = median(seconds.length > WARM_UP ? seconds.slice(WARM_UP) : seconds);
  const iterationsPerEpoch = Math.ceil(dataset.size("train") / batch);
  return {
    ...{
      model: model.name,
      dataset: dataset.name,
      parameters,
      macsPerStep,
      iterations,
      iterationsPerEpoch,
      stepSeconds,
    },
    epochSeconds: iterationsPerEpoch * stepSeconds,
    seconds: iterations * stepSeconds,
    peakBytes: 1024 * process.resourceUsage().maxRSS,
  };
}
