import { type Sequences, UserError } from "../types";

/** One frame, forecast and truth in float64, [height, width, channels]; the arrays are used again for the next frame. */
export interface FramePair {
  readonly clip: number;
  readonly frame: number;
  readonly predicted: Float64Array;
  readonly observed: Float64Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Every frame of every clip, clip by clip, for scoring. This is the one place where forecasts are clipped to [0, 1]; the
 * truth is taken as it is. NaN stays NaN. Throws a UserError if the two shapes differ.
 */
export function* framePairs(predicted: Sequences, observed: Sequences): Generator<FramePair, void, void> {
  const [batch, time, height, width, channels] = predicted.shape;
  if (predicted.shape.some((side, axis) => side !== observed.shape[axis])) {
    throw new UserError(
      `score: expected a forecast of shape [${observed.shape}] like the truth, got [${predicted.shape}]`,
    );
  }
  const size = height * width * channels;
  const pair = { predicted: new Float64Array(size), observed: new Float64Array(size), height, width, channels };
  for (let clip = 0; clip < batch; clip++) {
    for (let frame = 0; frame < time; frame++) {
      const start = (clip * time + frame) * size;
      for (let i = 0; i < size; i++) {
        const value = predicted.data[start + i];
        pair.predicted[i] = Math.min(Math.max(value, 0), 1);
        pair.observed[i] = observed.data[start + i];
      }
      yield { ...pair, clip, frame };
    }
  }
}
