import { type FrameSpec, UserError } from "../types";
import { brief, roundUp } from "./axis";
import { blank, textWidth, widest, write } from "./canvas";
import { colourMap, css, notFinite } from "./colour";
import { barHeight, barWidth, drawBar } from "./colourBar";
import { type ClipLike, type Film, films, unitLabel } from "./film";
import { type Picture, picture } from "./mime";
import { markedNote, putFrame } from "./raster";

export interface DifferenceOptions {
  /** Which sample of the batch; default 0. */
  sample?: number;
  /** Which frames of the horizon, counted from 1; default the first, the middle and the last. */
  at?: readonly number[];
  /** Unit and range of the values; default pixel value from 0 to 1. Differences are shown in this unit. */
  spec?: Pick<FrameSpec, "unit" | "range">;
  /** The colours reach from -limit to limit, in the unit; default the largest difference shown, rounded up. */
  limit?: number;
  /** Side of one drawn pixel, in screen pixels; default so that a map is about 200 wide. */
  magnification?: number;
  /** Written above the picture; default "forecast − truth" and the unit. */
  title?: string;
}

/** Forecast minus truth in the unit of the data, mean over channels: [time][height · width]. */
function subtract(forecast: Film, truth: Film, time: number, scale: number): Float64Array {
  const { height, width, channels } = truth;
  const map = new Float64Array(height * width);
  for (let pixel = 0; pixel < map.length; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      const at = (time * height * width + pixel) * channels + channel;
      map[pixel] += ((forecast.data[at] - truth.data[at]) * scale) / channels;
    }
  }
  return map;
}

interface Map {
  readonly values: Float64Array;
  readonly title: string;
  readonly errors: string;
}

function mapAt(forecast: Film, truth: Film, at: number, scale: number, unit: string): Map {
  const values = subtract(forecast, truth, at - 1, scale);
  const finite = values.filter(Number.isFinite);
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const absolute = finite.reduce((sum, value) => sum + Math.abs(value), 0) / finite.length;
  const sign = mean > 0 ? "+" : "";
  return { values, title: `t+${at}`, errors: `mean ${sign}${brief(mean, 3)}, absolute ${brief(absolute, 3)}${unit}` };
}

/** Blue where the forecast is too low, red where it is too high, magenta where it is not finite. */
function colourise(values: Float64Array, limit: number, { width, height }: Film) {
  const map = colourMap("difference");
  const rgb = new Uint8Array(3 * values.length);
  let marked = 0;
  values.forEach((value, i) => {
    const row = Math.round(255 * Math.min(1, Math.max(0, (value / limit + 1) / 2)));
    if (!Number.isFinite(value)) marked++;
    rgb.set(Number.isFinite(value) ? map.subarray(3 * row, 3 * row + 3) : notFinite, 3 * i);
  });
  return { rgb, width, height, marked };
}

/**
 * Maps of forecast minus truth at chosen frames of the horizon, one row for each forecast, in the unit of the data,
 * with colours symmetric about 0 and one colour bar for all. Above each map: its mean error (bias) and mean absolute error.
 *
 * Clips are [batch, time, height, width, channels] in [0, 1]; with 3 channels the mean over channels is shown.
 * Errors: shapes that do not agree, a frame or sample that is not there.
 */
export function difference(
  clips: { truth: ClipLike; forecast: ClipLike | { readonly [model: string]: ClipLike } },
  options: DifferenceOptions = {},
): Picture {
  const { sample = 0, spec, title = `forecast − truth, ${unitLabel(spec)}` } = options;
  if (!clips.truth) throw new UserError("a difference needs the truth");
  const { truth, forecasts } = films(clips, sample);
  const horizon = truth!.time;
  const { at = [...new Set([1, Math.ceil(horizon / 2), horizon])] } = options;
  if (at.length === 0) throw new UserError("no frame to draw: at is empty");
  for (const frame of at) {
    if (!Number.isInteger(frame) || frame < 1 || frame > horizon) {
      throw new UserError(`the horizon has frames 1 to ${horizon}, but frame ${frame} was asked for`);
    }
  }
  const unit = spec && spec.unit.length > 1 && spec.unit.length <= 6 ? ` ${spec.unit}` : "";
  const scale = spec ? spec.range[1] - spec.range[0] : 1;
  const rows = forecasts.map((forecast) => at.map((frame) => mapAt(forecast, truth!, frame, scale, unit)));
  const largest = rows.flat().reduce((high, { values }) => {
    for (const value of values) if (Number.isFinite(value)) high = Math.max(high, Math.abs(value));
    return high;
  }, 0);
  const { limit = largest > 0 ? roundUp(largest) : scale } = options;
  if (!(limit > 0)) throw new UserError(`limit: ${limit} is not above 0`);

  const film = truth!;
  const m = options.magnification ?? Math.max(1, Math.round(200 / film.width), Math.ceil(100 / film.height));
  if (!Number.isInteger(m) || m < 1) throw new UserError(`magnification: ${m} is not 1, 2, ...`);
  const bar = { map: colourMap("difference"), low: -limit, high: limit, label: `forecast − truth, ${unitLabel(spec)}` };
  const margin = 14;
  const named = forecasts.length > 1 || forecasts[0].name !== "forecast";
  const left =
    margin +
    (named
      ? Math.ceil(
          widest(
            forecasts.map((f) => f.name),
            12,
          ),
        ) + 8
      : 0);
  const head = 38;
  const wide = Math.max(
    film.width * m,
    Math.ceil(
      widest(
        rows.flat().map((map) => map.errors),
        11,
      ),
    ),
  );
  const [tall, gap] = [film.height * m, 16];
  const top = margin + 24;
  const gridHeight = rows.length * (tall + head);
  const barTall = Math.max(gridHeight - head, barHeight(bar), 150);
  const gridRight = left + at.length * (wide + gap) - gap;
  const width = Math.max(gridRight + 20 + barWidth(bar, barTall) + margin, textWidth(title, 14, true) + 2 * margin);
  const height = top + head + Math.max(gridHeight - head, barTall) + 28;
  const { canvas, context } = blank(width, height);
  write(context, title, margin, margin + 12, { size: 14, bold: true });
  let marked = 0;
  rows.forEach((maps, r) => {
    const y = top + head + r * (tall + head);
    if (named) write(context, forecasts[r].name, left - 8, y + tall / 2, { align: "right", baseline: "middle" });
    maps.forEach(({ values, title, errors }, c) => {
      const x = left + c * (wide + gap);
      const pixels = colourise(values, limit, film);
      marked += pixels.marked;
      write(context, title, x + wide / 2, y - 22, { align: "center", bold: true });
      write(context, errors, x + wide / 2, y - 7, { size: 11, align: "center" });
      putFrame(context, pixels, x + Math.floor((wide - film.width * m) / 2), y, m);
    });
  });
  drawBar(context, bar, gridRight + 20, top + head, barTall);
  const note = markedNote(marked);
  if (note) write(context, note, margin, canvas.height - 9, { size: 11, colour: css([176, 0, 176]) });
  const summary = rows.flatMap((maps, r) =>
    maps.map(({ title, errors }) => `${named ? `${forecasts[r].name} ` : ""}${title}: ${errors}`),
  );
  return picture({
    png: canvas.toBuffer("image/png"),
    width: canvas.width,
    height: canvas.height,
    text: `${title}; ${summary.join("; ")}${note ? `; ${note}` : ""}`,
  });
}
