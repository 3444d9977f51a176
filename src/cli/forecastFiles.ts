import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeNpy } from "../datasets/formats/npy";
import { blank } from "../display/canvas";
import { colourMap } from "../display/colour";
import { film } from "../display/film";
import { frames } from "../display/frames";
import { gif } from "../display/gif";
import { paint, putFrame } from "../display/raster";
import { writeAtomic } from "../files";
import type { ClipForecast } from "../forecastClips";
import { type Sequences, UserError } from "../types";

/** What forecasts are written as. */
export const formats = ["npy", "png", "gif"] as const;
export type Format = (typeof formats)[number];

/** Files of one forecast: the array, the animation, or the strip of context and forecast and each forecast frame. */
export interface ForecastFiles {
  readonly main: string;
  readonly frames: readonly string[];
}

/** Where the forecast of a clip goes: NAME.npy, NAME.gif, or NAME.png and NAME/0001.png, NAME/0002.png, ... */
export function filesOf(folder: string, name: string, format: Format, horizon: number): ForecastFiles {
  const frame = (t: number) => join(folder, name, `${String(t + 1).padStart(4, "0")}.png`);
  return {
    main: join(folder, `${name}.${format}`),
    frames: format === "png" ? Array.from({ length: horizon }, (_, t) => frame(t)) : [],
  };
}

/** Throws a UserError where a file is there already, or two clips would have the same one. */
export function requireNew(all: readonly ForecastFiles[]): void {
  const seen = new Set<string>();
  for (const path of all.flatMap(({ main, frames }) => [main, ...frames])) {
    if (existsSync(path)) throw new UserError(`${path} exists already: choose another --out`);
    if (seen.has(path)) throw new UserError(`two clips would be written as ${path}: rename one of them`);
    seen.add(path);
  }
}

/** Throws a UserError where a file has the name of the folder to write into. */
export function requireFolderOrNew(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isDirectory()) throw new UserError(`${path} is a file, expected a folder for the forecasts`);
}

/** Writes one forecast, the strip of a folder of frames last. Returns the shape of what was written. */
export function writeForecast(
  files: ForecastFiles,
  format: Format,
  { clip, context, forecast }: ClipForecast,
): number[] {
  const shape = forecast.shape.slice(1);
  const clips = { context, forecast };
  if (format === "npy") writeNpy(files.main, { data: forecast.data, shape });
  if (format === "gif") writeAtomic(files.main, gif(clips, { title: clip.name }).gif!);
  if (format === "png") {
    for (const [t, path] of files.frames.entries()) writeAtomic(path, framePng(forecast, t));
    writeAtomic(files.main, frames(clips, { title: clip.name }).png);
  }
  return shape;
}

/** One frame as a PNG, a pixel for a pixel. */
function framePng(clip: Sequences, time: number): Buffer {
  const pixels = paint(film("forecast", clip), time, colourMap("grey"));
  const { canvas, context } = blank(pixels.width, pixels.height);
  putFrame(context, pixels, 0, 0, 1);
  return canvas.toBuffer("image/png");
}
