import { type Sequences, UserError } from "../types";

/**
 * The forecast "nothing moves": each given frame is the forecast of the next one, and the last given frame that of all
 * frames after it. `context` is [batch, context, height, width, channels]; the result holds, like that of a network, the
 * predictions of frames 1 .. context + horizon - 1: [batch, context + horizon - 1, height, width, channels].
 */
export function copyLast(context: Sequences, horizon: number): Sequences {
  const forecast = blackFrame(context, horizon);
  const [batch, given, height, width, channels] = context.shape;
  const frame = height * width * channels;
  for (let clip = 0; clip < batch; clip++) {
    for (let t = 0; t < forecast.shape[1]; t++) {
      const from = (clip * given + Math.min(t, given - 1)) * frame;
      forecast.data.set(context.data.subarray(from, from + frame), (clip * forecast.shape[1] + t) * frame);
    }
  }
  return forecast;
}

/** The forecast "nothing": zeros, of the shape `copyLast` gives. */
export function blackFrame({ shape }: Sequences, horizon: number): Sequences {
  const [batch, given, height, width, channels] = shape;
  if (given < 1) throw new UserError("baseline: expected at least one given frame, got none");
  if (!Number.isInteger(horizon) || horizon < 1) {
    throw new UserError(`baseline: expected a horizon of at least 1 frame, got ${horizon}`);
  }
  const time = given + horizon - 1;
  return {
    data: new Float32Array(batch * time * height * width * channels),
    shape: [batch, time, height, width, channels],
  };
}
