import { type Sequences, UserError } from "../types";
import { addExact, type ExactSum, joinExact, roundExact } from "./exactSum";
import { type FramePair, framePairs } from "./framePairs";

/**
 * A score per frame index over a test set. Four verbs: `init`, `add` a batch, `merge` two parts (from other machines, in
 * any order), and `value`, the only place where sums are divided. Sums `A` are plain data that JSON can carry.
 */
export interface Score<A = FrameSums> {
  readonly name: string;
  /** Other names it goes by. */
  readonly synonyms: readonly string[];
  readonly better: "lower" | "higher";
  readonly unit: string;
  readonly definition: string;
  init(frames: number): A;
  /** Both [batch, frames, height, width, channels]; forecasts are clipped to [0, 1] first. `sums` is not changed. */
  add(sums: A, predicted: Sequences, observed: Sequences): A;
  merge(a: A, b: A): A;
  /** One number per frame index; NaN before anything was added. */
  value(sums: A): number[];
  /** `add` in two steps, the first giving numbers per clip for paired comparison; only for scores that are means over clips. */
  readonly clipwise?: {
    /** [batch][frames]. */
    measure(predicted: Sequences, observed: Sequences): number[][];
    add(sums: A, values: readonly (readonly number[])[]): A;
  };
}

/** Sums of a score that is a mean over clips: number of clips and exact sum per frame index. */
export interface FrameSums {
  readonly clips: number;
  readonly sums: readonly ExactSum[];
}

/** A score that is the mean over clips of one number per frame. */
export type MeanScore = Score<FrameSums> & Required<Pick<Score<FrameSums>, "clipwise">>;

/** Makes a score from its description and `measure`, the number of one frame. Merging is exact: see `ExactSum`. */
export function meanScore(
  about: Pick<Score, "name" | "synonyms" | "better" | "unit" | "definition">,
  measure: (pair: FramePair) => number,
): MeanScore {
  const clipwise: MeanScore["clipwise"] = {
    measure(predicted, observed) {
      const values: number[][] = Array.from({ length: predicted.shape[0] }, () => []);
      for (const pair of framePairs(predicted, observed)) values[pair.clip].push(measure(pair));
      return values;
    },
    add({ clips, sums }, values) {
      for (const frames of values) requireFrames(about.name, sums.length, frames.length);
      return {
        clips: clips + values.length,
        sums: sums.map((sum, frame) => values.reduce((total, clip) => addExact(total, clip[frame]), sum)),
      };
    },
  };
  return {
    ...about,
    clipwise,
    init: (frames) => ({ clips: 0, sums: Array.from({ length: frames }, () => []) }),
    add: (sums, predicted, observed) => clipwise.add(sums, clipwise.measure(predicted, observed)),
    merge(a, b) {
      requireFrames(about.name, a.sums.length, b.sums.length);
      return { clips: a.clips + b.clips, sums: a.sums.map((sum, frame) => joinExact(sum, b.sums[frame])) };
    },
    value: ({ clips, sums }) => sums.map((sum) => roundExact(sum) / clips),
  };
}

function requireFrames(name: string, expected: number, got: number): void {
  if (expected !== got) throw new UserError(`${name}: expected ${expected} frames a clip, got ${got}`);
}
