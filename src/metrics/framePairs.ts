import { type Sequences, UserError } from "../types";

/** One frame, forecast and truth in float64, [height, width, channels]; the arrays are used again for the next frame. */
export interface FramePair {
  readonly clip: number;
  readonly frame: number;
  readonly predicted: Float64Array;
  readonly observed: Float64Array;
  /** The forecast "nothing moves", where one was given. */
  readonly persisted?: Float64Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Every frame of every clip, clip by clip, for scoring. This is the one place where forecasts are clipped to [0, 1]; the
 * truth is taken as it is. NaN stays NaN. Throws a UserError if the shapes differ.
 */
export function* framePairs(
  predicted: Sequences,
  observed: Sequences,
  persisted?: Sequences,
): Generator<FramePair, void, void> {
  const [batch, time, height, width, channels] = predicted.shape;
  for (const forecast of persisted ? [predicted, persisted] : [predicted]) {
    if (forecast.shape.some((side, axis) => side !== observed.shape[axis])) {
      throw new UserError(
        `score: expected a forecast of shape [${observed.shape}] like the truth, got [${forecast.shape}]`,
      );
    }
  }
  const size = height * width * channels;
  const pair = {
    predicted: new Float64Array(size),
    observed: new Float64Array(size),
    ...(persisted && { persisted: new Float64Array(size) }),
    ...{ height, width, channels },
  };
  for (let clip = 0; clip < batch; clip++) {
    for (let frame = 0; frame < time; frame++) {
      const start = (clip * time + frame) * size;
      for (let i = 0; i < size; i++) {
        const value = predicted.data[start + i];
        pair.predicted[i] = Math.min(Math.max(value, 0), 1);
      }
      pair.observed.set(observed.data.subarray(start, start + size));
      if (persisted) pair.persisted?.set(persisted.data.subarray(start, start + size));
      yield { ...pair, clip, frame };
    }
  }
}

const results = new WeakMap<FramePair, Map<unknown, unknown>>();

/** What several scores need of one frame, computed once: the first to ask under `key` computes it. */
export function shared<T>(pair: FramePair, key: unknown, compute: () => T): T {
  const known = results.get(pair) ?? new Map<unknown, unknown>();
  results.set(pair, known);
  if (!known.has(key)) known.set(key, compute());
  return known.get(key) as T;
}

/** True where no number of the pair is NaN: comparisons with a level take NaN for below it. */
export const isKnown = (pair: FramePair): boolean =>
  shared(pair, isKnown, () => allKnown(pair.predicted) && allKnown(pair.observed));

function allKnown(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return false;
  return true;
}
