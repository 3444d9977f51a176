import type { Random } from "./random";

/**
 * Which true frames a network may look at while it learns: rows of [batch, time - 2] with 1 = truth, 0 = its own output;
 * column t - 1 is for step t. Pure: the iteration and the random stream come in.
 */
export type Sampling = (iteration: number, batch: number, time: number, random: Random) => Float32Array;

/** Scheduled sampling's η at an iteration: 1 falling linearly to 0 over `over` iterations (SPEC section 5). */
export const scheduledEta = (iteration: number, over: number): number => Math.max(0, 1 - iteration / over);

/**
 * Scheduled sampling (SPEC section 5): truth for all given frames; for step t >= context truth with probability η. One
 * uniform number for each future step and sample, steps first.
 *
 * @param context number of given frames
 * @param over iterations until η reaches 0
 */
export function scheduledSampling({ context, over }: { context: number; over: number }): Sampling {
  return (iteration, batch, time, random) => {
    const eta = scheduledEta(iteration, over);
    return maskOf(batch, time, (t) => t < context || random() < eta);
  };
}

/** Reverse scheduled sampling's probabilities at epoch e of `epochs`, counted from 1 (SPEC section 5). */
export function reverseScheduledEtas(epoch: number, epochs: number): { given: number; future: number } {
  const s = epochs / 3;
  if (epoch < s) return { given: 0.5, future: 0.5 };
  if (epoch < 2 * s)
    return { given: 1 - 0.5 * Math.exp(-(epoch - s) / (s / 5)), future: 0.5 - (0.5 * (epoch - s)) / s };
  return { given: 1, future: 0 };
}

/**
 * Reverse scheduled sampling (SPEC section 5, PredRNN-V2): step 0 sees truth; steps 1 .. context - 1 with the probability of
 * the given part, later ones with that of the future part.
 */
export function reverseScheduledSampling({
  context,
  epochs,
  iterationsPerEpoch,
}: {
  context: number;
  epochs: number;
  iterationsPerEpoch: number;
}): Sampling {
  return (iteration, batch, time, random) => {
    const { given, future } = reverseScheduledEtas(Math.floor(iteration / iterationsPerEpoch) + 1, epochs);
    return maskOf(batch, time, (t) => random() < (t < context ? given : future));
  };
}

/** Evaluation: truth for the given frames, own predictions after. */
export function noSampling({ context }: { context: number }): Sampling {
  return (_, batch, time) => maskOf(batch, time, (t) => t < context);
}

function maskOf(batch: number, time: number, seesTruth: (t: number) => boolean): Float32Array {
  const mask = new Float32Array(batch * (time - 2));
  for (let t = 1; t < time - 1; t++) {
    for (let b = 0; b < batch; b++) mask[b * (time - 2) + t - 1] = seesTruth(t) ? 1 : 0;
  }
  return mask;
}
