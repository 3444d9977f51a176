import { type Sequences, UserError } from "../types";
import { addExact, type ExactSum, joinExact, roundExact } from "./exactSum";
import { type FramePair, framePairs } from "./framePairs";

/** What a score is called, and what it says. */
export interface About {
  readonly name: string;
  /** Other names it goes by. */
  readonly synonyms: readonly string[];
  readonly better: "lower" | "higher";
  readonly unit: string;
  readonly definition: string;
}

/**
 * A score per frame index over a test set. Four verbs: `init`, `add` a batch, `merge` two parts (from other machines, in
 * any order), and `value`, the only place where sums are divided. Sums are plain data that JSON can carry; as they are exact,
 * parts merged equal the whole to the last bit.
 */
export interface Score extends About {
  /** A mean over clips of one number per frame: what a paired comparison of clips can be made of. */
  readonly isMean: boolean;
  /** True where `add` needs the forecast "nothing moves". */
  readonly needsPersisted: boolean;
  /** The numbers of one frame that are summed over clips. */
  measure(pair: FramePair): readonly number[];
  init(frames: number): ScoreSums;
  /**
   * All [batch, frames, height, width, channels]; forecasts are clipped to [0, 1] first. `persisted` is the forecast "nothing
   * moves", which some scores compare with. `sums` is not changed.
   */
  add(sums: ScoreSums, predicted: Sequences, observed: Sequences, persisted?: Sequences): ScoreSums;
  /** The same from what `measure` gave: one entry a clip, of one entry a frame. */
  addMeasured(sums: ScoreSums, clips: readonly Measured[]): ScoreSums;
  merge(a: ScoreSums, b: ScoreSums): ScoreSums;
  /** One number per frame index; NaN before anything was added. */
  value(sums: ScoreSums): number[];
}

/** The numbers of one clip, by frame. */
export type Measured = readonly (readonly number[])[];

/** Number of clips, and by frame index the exact sums of a score's numbers. */
export interface ScoreSums {
  readonly clips: number;
  readonly sums: readonly (readonly ExactSum[])[];
}

export interface Definition {
  /** How many numbers `measure` gives. Default 1. */
  readonly parts?: number;
  /** Default false. */
  readonly needsPersisted?: boolean;
  measure(pair: FramePair): readonly number[];
  /** The score from the sums over all clips. */
  value(sums: readonly number[], clips: number): number;
}

/** Makes a score of numbers of a frame, and of what becomes of their sums over clips. */
export function score(about: About, { parts = 1, needsPersisted = false, measure, value }: Definition): Score {
  const addMeasured = ({ clips, sums }: ScoreSums, added: readonly Measured[]): ScoreSums => {
    for (const frames of added) requireFrames(about.name, sums.length, frames.length);
    return {
      clips: clips + added.length,
      sums: sums.map((numbers, frame) =>
        numbers.map((sum, part) => added.reduce((total, clip) => addExact(total, clip[frame][part]), sum)),
      ),
    };
  };
  return {
    ...about,
    isMean: false,
    needsPersisted,
    measure,
    addMeasured,
    init: (frames) => ({
      clips: 0,
      sums: Array.from({ length: frames }, () => Array.from({ length: parts }, () => [])),
    }),
    add(sums, predicted, observed, persisted) {
      const measured: (readonly number[])[][] = Array.from({ length: predicted.shape[0] }, () => []);
      for (const pair of framePairs(predicted, observed, persisted)) measured[pair.clip].push(measure(pair));
      return addMeasured(sums, measured);
    },
    merge(a, b) {
      requireFrames(about.name, a.sums.length, b.sums.length);
      return {
        clips: a.clips + b.clips,
        sums: a.sums.map((numbers, frame) => numbers.map((sum, part) => joinExact(sum, b.sums[frame][part]))),
      };
    },
    value: ({ clips, sums }) =>
      sums.map((numbers) => (clips === 0 ? Number.NaN : value(numbers.map(roundExact), clips))),
  };
}

/** Makes a score that is the mean over clips of one number per frame. */
export function meanScore(about: About, measure: (pair: FramePair) => number): Score {
  const definition: Definition = { measure: (pair) => [measure(pair)], value: ([sum], clips) => sum / clips };
  return { ...score(about, definition), isMean: true };
}

function requireFrames(name: string, expected: number, got: number): void {
  if (expected !== got) throw new UserError(`${name}: expected ${expected} frames a clip, got ${got}`);
}
