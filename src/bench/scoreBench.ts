import { allScores } from "../metrics/all";
import { scoreAll } from "../metrics/evaluate";
import type { Score } from "../metrics/score";
import { random } from "../random";
import type { Sequences } from "../types";

/** What is scored: predicted frames of a clip, and their sides. */
export const CLIP = { frames: 20, side: 64 } as const;

/** So many different clips are made, and scored again and again. */
const BATCH = 10;

export interface ScoreTime {
  /** A score, or the first part of the names of several: `csi` for `csi-0.5`, `csi-2` and so on. */
  readonly name: string;
  /** How many scores. */
  readonly scores: number;
  readonly seconds: number;
}

export interface ScoreTimes {
  readonly clips: number;
  readonly results: readonly ScoreTime[];
  /** All in one pass, which computes once what several scores need. */
  readonly all: ScoreTime;
}

/** Times each kind of score, and all scores at once, on so many clips of 20 frames of 64 x 64. */
export function benchScores(clips: number, tell: (time: ScoreTime) => void = () => undefined): ScoreTimes {
  const scores = allScores();
  const kinds = [...new Set(scores.map(kindOf))];
  const batch = { predicted: frames("predicted"), observed: frames("observed"), persisted: frames("persisted") };
  const timed = (name: string, chosen: readonly Score[]): ScoreTime => {
    // The first pass is for V8, which has not compiled anything yet.
    run(chosen, batch, BATCH);
    const started = performance.now();
    run(chosen, batch, clips);
    const time = { name, scores: chosen.length, seconds: (performance.now() - started) / 1000 };
    tell(time);
    return time;
  };
  const results = kinds.map((kind) =>
    timed(
      kind,
      scores.filter((score) => kindOf(score) === kind),
    ),
  );
  return { clips, results, all: timed("all", scores) };
}

const kindOf = ({ name }: Score) => name.split("-")[0];

type Batch = Readonly<Record<"predicted" | "observed" | "persisted", Sequences>>;

function run(scores: readonly Score[], { predicted, observed, persisted }: Batch, clips: number): void {
  const all = scoreAll(scores, { horizon: CLIP.frames });
  let sums = all.init(CLIP.frames);
  for (let left = clips; left > 0; left -= BATCH) {
    const [p, o, last] = [predicted, observed, persisted].map((sequences) => first(sequences, Math.min(left, BATCH)));
    sums = all.add(sums, p, o, last);
  }
  all.report(sums);
}

/** The first `count` clips, in the same memory. */
function first({ data, shape: [, ...rest] }: Sequences, count: number): Sequences {
  return { data: data.subarray(0, count * rest.reduce((a, b) => a * b)), shape: [count, ...rest] };
}

/** Numbers a little beyond [0, 1], half of them 0: nothing that a score could skip. */
function frames(name: string): Sequences {
  const { frames, side } = CLIP;
  const draw = random("bench score", name);
  const data = Float32Array.from({ length: BATCH * frames * side * side }, () => Math.max(0, 2.2 * draw() - 1.1));
  return { data, shape: [BATCH, frames, side, side, 1] };
}
