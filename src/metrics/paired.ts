import { random } from "../random";
import { UserError } from "../types";

export interface PairedOptions {
  /** Bootstrap samples; default 10,000. */
  resamples?: number;
  /** Share of the samples inside the interval; default 0.95. */
  level?: number;
  /** Default 0. */
  seed?: number;
}

export interface PairedDifference {
  /** Mean over clips of a - b. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly level: number;
  readonly clips: number;
  readonly resamples: number;
  /** True where the interval does not hold zero: the two differ by more than the choice of clips explains. */
  readonly excludesZero: boolean;
}

/**
 * By how much two models differ on the same clips: the mean of a - b and its interval over clips.
 *
 * `a` and `b` hold one score per clip in the same order. The interval is the percentile bootstrap of the mean difference:
 * clips are drawn with replacement, as many as there are, `resamples` times; its ends are the quantiles (1 ∓ level) / 2 of
 * the means, interpolated linearly. It speaks of the choice of test clips only, not of that of training seeds.
 *
 * Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; for paired comparison of systems
 * Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004.
 */
export function paired(
  a: readonly number[],
  b: readonly number[],
  { resamples = 10_000, level = 0.95, seed = 0 }: PairedOptions = {},
): PairedDifference {
  if (a.length !== b.length) throw new UserError(`paired: expected two scores a clip, got ${a.length} and ${b.length}`);
  if (a.length < 2) throw new UserError(`paired: expected at least 2 clips, got ${a.length}`);
  if (!Number.isInteger(resamples) || resamples < 100) {
    throw new UserError(`paired: expected at least 100 resamples, got ${resamples}`);
  }
  if (!(level > 0 && level < 1)) throw new UserError(`paired: expected a level between 0 and 1, got ${level}`);
  const clips = a.length;
  const difference = Float64Array.from(a, (value, clip) => value - b[clip]);
  const mean = difference.reduce((sum, value) => sum + value, 0) / clips;
  const uniform = random("paired", seed);
  const means = new Float64Array(resamples);
  for (let sample = 0; sample < resamples; sample++) {
    let sum = 0;
    for (let i = 0; i < clips; i++) sum += difference[Math.floor(uniform() * clips)];
    means[sample] = sum / clips;
  }
  means.sort();
  const low = quantile(means, (1 - level) / 2);
  const high = quantile(means, (1 + level) / 2);
  return { mean, low, high, level, clips, resamples, excludesZero: low > 0 || high < 0 };
}

function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
