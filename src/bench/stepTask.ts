import type { Batch } from "../datasets/dataset";
import type { Experiment } from "../profiles";
import type { Sampling } from "../sampling";

/** One kind of training step: what our process is told. */
export interface StepTask {
  readonly settings: Experiment;
  readonly backend: string;
  /** Folder for the weights and the clip that the peer reads. */
  readonly folder: string;
}

/**
 * Which true frames the network sees in the benchmark: all given ones, and every second one of those to predict, so that
 * both branches count. The same at every step and for everyone.
 */
export const everySecond =
  (context: number): Sampling =>
  (_, batch, time) => {
    const mask = new Float32Array(batch * (time - 2));
    for (let b = 0; b < batch; b++) {
      for (let t = 1; t < time - 1; t++) mask[b * (time - 2) + t - 1] = t < context || (t + b) % 2 === 0 ? 1 : 0;
    }
    return mask;
  };

/** One batch again and again: making clips is no part of a step. */
export async function* repeated(batch: Batch): AsyncGenerator<Batch, void, void> {
  for (;;) yield batch;
}
