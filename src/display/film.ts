import { type FrameSpec, type Sequences, UserError } from "../types";

/** A clip to be drawn: `Sequences`, or a tensor [batch, time, height, width, channels] (read with `dataSync`). */
export type ClipLike = Sequences | { readonly shape: readonly number[]; dataSync(): ArrayLike<number> };

/** One sample of a clip: [time, height, width, channels]. */
export interface Film {
  readonly name: string;
  readonly data: ArrayLike<number>;
  readonly time: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * One sample of a clip. Errors: not five axes, an axis of length 0, data that does not fill the shape, a sample that
 * is not in the batch, channels other than 1 or 3.
 */
export function film(name: string, clip: ClipLike, sample = 0): Film {
  const { shape } = clip;
  if (shape.length !== 5 || shape.some((length) => !(length > 0))) {
    throw new UserError(`${name}: expected [batch, time, height, width, channels], got [${shape.join(", ")}]`);
  }
  const [batch, time, height, width, channels] = shape;
  if (!Number.isInteger(sample) || sample < 0 || sample >= batch) {
    throw new UserError(`${name} has samples 0 to ${batch - 1}, but sample ${sample} was asked for`);
  }
  if (channels !== 1 && channels !== 3) throw new UserError(`${name} has ${channels} channels; 1 or 3 can be drawn`);
  const all: ArrayLike<number> = "dataSync" in clip ? clip.dataSync() : clip.data;
  const length = time * height * width * channels;
  if (all.length !== batch * length) {
    throw new UserError(`${name}: ${all.length} values do not fill the shape [${shape.join(", ")}]`);
  }
  const data = (all as Float32Array).subarray(sample * length, (sample + 1) * length);
  return { name, data, time, height, width, channels };
}

const size = (f: Film, time: boolean) =>
  `${time ? `${f.time} frame${f.time === 1 ? "" : "s"} of ` : ""}${f.height} x ${f.width} x ${f.channels}`;

/** Error in one line unless both have frames of one size and, with `time`, equally many of them. */
export function checkAlike(a: Film, b: Film, { time = true }: { time?: boolean } = {}): void {
  if (a.height === b.height && a.width === b.width && a.channels === b.channels && (!time || a.time === b.time)) return;
  throw new UserError(`${b.name} has ${size(b, time)}, but ${a.name} has ${size(a, time)}`);
}

/** Truth, forecasts and context as pictures take them. */
export interface Films {
  readonly truth?: Film;
  readonly forecasts: readonly Film[];
  readonly context?: Film;
}

/** What `frames` and `gif` draw. Every clip is [batch, time, height, width, channels], scaled to [0, 1]. */
export interface ClipsToDraw {
  /** What happened, over the horizon. */
  truth?: ClipLike;
  /** What was predicted, over the horizon; several models as `{ "ConvLSTM": clip, "MS-ConvLSTM": clip }`. */
  forecast: ClipLike | { readonly [model: string]: ClipLike };
  /** The frames that the model saw before. */
  context?: ClipLike;
}

const isClip = (value: object): value is ClipLike => Array.isArray((value as { shape?: unknown }).shape);

/** Reads one sample of each clip and checks that they belong together. */
export function films({ truth, forecast, context }: ClipsToDraw, sample = 0): Films {
  const named: readonly (readonly [string, ClipLike])[] = isClip(forecast)
    ? [["forecast", forecast]]
    : Object.entries(forecast);
  if (named.length === 0) throw new UserError("no forecast to draw");
  const forecasts = named.map(([name, clip]) => film(name, clip, sample));
  const before = context && film("context", context, sample);
  const after = truth && film("truth", truth, sample);
  const first = after ?? forecasts[0];
  for (const one of forecasts) checkAlike(first, one);
  if (before) checkAlike(first, before, { time: false });
  return { truth: after, forecasts, context: before };
}

/** The label of a colour bar: "pixel value (0–1)", "mm/h". */
export function unitLabel(spec?: Pick<FrameSpec, "unit" | "range">): string {
  const { unit = "", range = [0, 1] } = spec ?? {};
  const name = unit === "" || unit === "1" ? "pixel value" : unit;
  return name.startsWith("pixel") && !name.includes("(") ? `${name} (${range[0]}–${range[1]})` : name;
}
