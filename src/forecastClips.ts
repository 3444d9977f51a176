import { setImmediate } from "node:timers/promises";
import { clipAt, joinClips } from "./datasets/batch";
import type { GivenClip } from "./datasets/givenClips";
import { resizer } from "./datasets/resize";
import { sliceTime } from "./datasets/sliceTime";
import { type Model, type ModelParams, requireFrames } from "./model";
import { streamForecasts } from "./stream";
import { type Sequences, UserError } from "./types";

export interface FitOptions {
  /** See only the last so many frames of each clip. Default: all. */
  readonly context?: number;
  /** Resize frames to those of the model, bilinear. Default false: other sizes are an error. */
  readonly resize?: boolean;
}

/**
 * Clips as a model takes them. Errors, which name the clip: fewer frames than `context`, other channels, other sizes without
 * `resize`.
 */
export function fitClips(model: Model, clips: readonly GivenClip[], options: FitOptions = {}): GivenClip[] {
  return clips.map((clip) => fitClip(model, clip, options));
}

function fitClip(model: Model, clip: GivenClip, { context, resize = false }: FitOptions): GivenClip {
  const { height, width } = model.frame;
  const [given, ...[fromHeight, fromWidth, channels]] = clip.shape;
  const time = context ?? given;
  if (given < time)
    throw new UserError(`${clip.where}: has ${given} frames, expected ${time} at least to see the last ${time}`);
  requireFrames(model, resize ? [height, width, channels] : clip.shape, `${clip.where}: context`);
  const fits = fromHeight === height && fromWidth === width;
  const change = fits ? undefined : resizer([fromHeight, fromWidth], [height, width], channels);
  return {
    ...clip,
    shape: [time, height, width, channels],
    async read() {
      const seen = sliceTime(await clip.read(), given - time);
      return change ? resized(seen, change, [height, width]) : seen;
    },
  };
}

function resized(
  { data, shape: [batch, time, fromHeight, fromWidth, channels] }: Sequences,
  change: (frame: Float32Array) => Float32Array,
  [height, width]: readonly [number, number],
): Sequences {
  const [from, to] = [fromHeight * fromWidth * channels, height * width * channels];
  const into = new Float32Array(batch * time * to);
  for (let i = 0; i < batch * time; i++) into.set(change(data.subarray(i * from, (i + 1) * from)), i * to);
  return { data: into, shape: [batch, time, height, width, channels] };
}

export interface ForecastClipsOptions {
  readonly horizon: number;
  /** Clips of one length at once. Default 8. */
  readonly batch?: number;
  /** Stops after the clip in hand. */
  readonly signal?: AbortSignal;
}

export interface ClipForecast {
  readonly clip: GivenClip;
  /** [1, time, height, width, channels] */
  readonly context: Sequences;
  /** [1, horizon, height, width, channels], not clipped */
  readonly forecast: Sequences;
}

/**
 * Forecasts of many clips, the shortest first and equally long ones in their order. Memory does not grow with the number of clips
 * or, but for the frames themselves, with their length.
 */
export async function* forecastClips(
  model: Model,
  params: ModelParams,
  clips: readonly GivenClip[],
  { horizon, batch = 8, signal }: ForecastClipsOptions,
): AsyncGenerator<ClipForecast, void, void> {
  const stream = streamForecasts(model, params);
  try {
    for (const together of batchesOf(clips, batch)) {
      const contexts: Sequences[] = [];
      for (const clip of together) contexts.push(await clip.read());
      await stream.push(joinClips(contexts));
      const forecast = await stream.forecast(horizon);
      await stream.reset();
      for (const [i, clip] of together.entries()) {
        // A signal is heard only where the event loop gets a turn, which no engine but the native one gives it.
        await setImmediate();
        if (signal?.aborted) return;
        yield { clip, context: contexts[i], forecast: clipAt(forecast, i) };
      }
    }
  } finally {
    await stream.dispose();
  }
}

/** At most `most` clips of one length each, the shortest first. */
function batchesOf(clips: readonly GivenClip[], most: number): GivenClip[][] {
  const batches: GivenClip[][] = [];
  for (const clip of [...clips].sort((a, b) => a.shape[0] - b.shape[0])) {
    const last = batches.at(-1);
    if (last && last.length < most && last[0].shape[0] === clip.shape[0]) last.push(clip);
    else batches.push([clip]);
  }
  return batches;
}
