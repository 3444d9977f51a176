import { type Sequences, UserError } from "../types";
import { framePairs } from "./framePairs";
import type { Measured, Score, ScoreSums } from "./score";

/** Everything a table of scores needs, as plain data. */
export interface ScoreReport {
  readonly name: string;
  readonly better: "lower" | "higher";
  readonly unit: string;
  readonly definition: string;
  /** One number per predicted frame. */
  readonly perFrame: readonly number[];
  /** Mean over the last `horizon` frames: those whose truth the network never saw. */
  readonly horizon: number;
  /** Mean over all predictions, including those of given frames, as the MS-RNN tables have it. */
  readonly all: number;
  /** Per clip the mean over the horizon, in the order added; absent where a score is no mean over clips. */
  readonly clips?: readonly number[];
}

/** Sums of several scores at once: one entry per score, in their order. */
export interface Sums {
  readonly parts: readonly ScoreSums[];
  readonly clips: readonly (readonly number[])[];
}

/**
 * Accumulates several scores in one pass, with the verbs of a score, and reports them.
 *
 * `horizon` is the number of future frames: the last ones of each clip given to `add`. Per clip, the mean over these is
 * kept for paired comparison.
 */
export function scoreAll(scores: readonly Score[], { horizon }: { horizon: number }) {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const future = (values: readonly number[]) => mean(values.slice(-horizon));
  return {
    init(frames: number): Sums {
      if (!Number.isInteger(horizon) || horizon < 1 || horizon > frames) {
        throw new UserError(`horizon: expected 1 to ${frames} frames, got ${horizon}`);
      }
      return { parts: scores.map((score) => score.init(frames)), clips: scores.map(() => []) };
    },
    /** All [batch, frames, height, width, channels]; `persisted` as in `Score.add`. */
    add({ parts, clips }: Sums, predicted: Sequences, observed: Sequences, persisted?: Sequences): Sums {
      const measured = scores.map(() => Array.from({ length: predicted.shape[0] }, (): (readonly number[])[] => []));
      for (const pair of framePairs(predicted, observed, persisted)) {
        for (const [i, score] of scores.entries()) measured[i][pair.clip].push(score.measure(pair));
      }
      const ofClip = (clip: Measured) => future(clip.map(([value]) => value));
      return {
        parts: scores.map((score, i) => score.addMeasured(parts[i], measured[i])),
        clips: clips.map((list, i) => (scores[i].isMean ? [...list, ...measured[i].map(ofClip)] : list)),
      };
    },
    merge(a: Sums, b: Sums): Sums {
      return {
        parts: scores.map((score, i) => score.merge(a.parts[i], b.parts[i])),
        clips: a.clips.map((list, i) => [...list, ...b.clips[i]]),
      };
    },
    report({ parts, clips }: Sums): ScoreReport[] {
      return scores.map((score, i) => {
        const { name, better, unit, definition, isMean } = score;
        const perFrame = score.value(parts[i]);
        const report = { name, better, unit, definition, perFrame, horizon: future(perFrame), all: mean(perFrame) };
        return isMean ? { ...report, clips: clips[i] } : report;
      });
    },
  };
}
