import { applyPalette, GIFEncoder, quantize } from "gifenc";
import { UserError } from "../types";
import { blank, type Context, textWidth, write } from "./canvas";
import { type ColourMapName, colourMap, level, notFinite } from "./colour";
import { type ClipsToDraw, type Film, films } from "./film";
import { contextHeader, frames } from "./frames";
import { escapeHtml, type Picture, picture } from "./mime";
import { outline, paint, putFrame } from "./raster";

export interface GifOptions {
  /** Which sample of the batch; default 0. */
  sample?: number;
  /** Written above the animation; default none. */
  title?: string;
  /** Colour map for one channel; default "grey". */
  colours?: ColourMapName;
  /** Add maps of forecast − truth (one channel, with truth); default false. */
  difference?: boolean;
  /** Speed, in frames per second; default 5. */
  fps?: number;
  /** How long the last frame stays, in seconds; default 1. */
  pause?: number;
  /** Side of one drawn pixel, in screen pixels; default so that each frame is at least 200 pixels on each side. */
  magnification?: number;
}

interface Panel {
  readonly name: string;
  readonly film: Film;
  /** What the pixels are: levels of the frames, or forecast − truth. */
  readonly kind: "truth" | "forecast" | "difference";
}

const margin = 12;
const gap = 10;
const head = 44;

/** Forecast − truth as a film in [0, 1], where 0.5 is no difference. */
function differenceFilm(truth: Film, forecast: Film): Film {
  const data = Float32Array.from(truth.data, (value, i) => (forecast.data[i] - value + 1) / 2);
  return { ...truth, name: `difference, ${forecast.name}`, data };
}

// The fixed palette for one channel: greys for text and lines, the colour map, the difference map, the mark.
const greys = 16;
const mapLevels = 160;
const differenceLevels = 79;

function fixedPalette(map: Uint8Array): number[][] {
  const ramp = (table: Uint8Array, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const row = 3 * Math.round((255 * i) / (count - 1));
      return [...table.subarray(row, row + 3)];
    });
  return [
    ...ramp(colourMap("grey"), greys),
    ...ramp(map, mapLevels),
    ...ramp(colourMap("difference"), differenceLevels),
    [...notFinite],
  ];
}

/** Writes the palette rows of one frame of a film at (x, y) of an index picture. */
function putIndex(target: Uint8Array, across: number, panel: Panel, time: number, x: number, y: number, m: number) {
  const { film, kind } = panel;
  const [first, count] = kind === "difference" ? [greys + mapLevels, differenceLevels] : [greys, mapLevels];
  for (let row = 0; row < film.height; row++) {
    for (let column = 0; column < film.width; column++) {
      const value = level(film.data[(time * film.height + row) * film.width + column]);
      const index = value < 0 ? greys + mapLevels + differenceLevels : first + Math.round((value * (count - 1)) / 255);
      for (let i = 0; i < m; i++) {
        const from = (y + row * m + i) * across + x + column * m;
        target.fill(index, from, from + m);
      }
    }
  }
}

/**
 * An animation of truth beside forecast (several models side by side), and on request their difference. Context
 * frames, if given, run first in all panels. The frames of the animation are `.gif`; the static picture is the strip
 * of `frames`.
 *
 * Clips are [batch, time, height, width, channels] in [0, 1], with 1 or 3 channels; pixels that are not finite are
 * magenta. Errors: as for `frames`; a difference without truth or with 3 channels; fps not above 0.
 */
export function gif(clips: ClipsToDraw, options: GifOptions = {}): Picture {
  const { sample = 0, title, colours = "grey", difference = false, fps = 5, pause = 1 } = options;
  if (!(fps > 0)) throw new UserError(`fps: ${fps} is not above 0`);
  const { truth, forecasts, context: before } = films(clips, sample);
  const { height, width, channels, time: horizon } = forecasts[0];
  if (difference && (!truth || channels !== 1)) {
    throw new UserError(truth ? `a difference needs 1 channel, got ${channels}` : "a difference needs the truth");
  }
  const panelsOf = (kind: Panel["kind"], several: readonly Film[]): Panel[] =>
    several.map((film) => ({ name: film.name, film, kind }));
  const differences = difference ? forecasts.map((one) => differenceFilm(truth!, one)) : [];
  const panels = [
    ...panelsOf("truth", truth ? [truth] : []),
    ...panelsOf("forecast", forecasts),
    ...panelsOf("difference", differences),
  ];

  const m = options.magnification ?? Math.max(1, Math.ceil(200 / Math.min(height, width)));
  if (!Number.isInteger(m) || m < 1) throw new UserError(`magnification: ${m} is not 1, 2, ...`);
  const top = margin + (title ? 24 : 0) + head;
  // A panel is as wide as its frame and its name.
  const labelWidth = (label: string) => Math.ceil(textWidth(label, 13, true));
  const widths = panels.map(({ name }) => Math.max(width * m, labelWidth(name)));
  const left = (panel: number) => widths.slice(0, panel).reduce((x, each) => x + each + gap, margin);
  const across = Math.max(
    left(panels.length) - gap + margin,
    title ? Math.ceil(textWidth(title, 14, true)) + 2 * margin : 0,
  );
  const { canvas, context } = blank(across, top + height * m + margin);
  const past = before?.time ?? 0;
  const heading = contextHeader(past);

  const drawText = (step: number) => {
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (title) write(context, title, margin, margin + 12, { size: 14, bold: true });
    const inContext = step < past;
    const when = inContext ? `${heading(step)} (context)` : `t+${step - past + 1}`;
    write(context, when, margin, top - 28, { size: 13 });
    panels.forEach(({ name, kind }, i) => {
      const label = inContext && kind === "forecast" ? `${name} (sees the context)` : name;
      const fits = labelWidth(label) <= widths[i] ? label : name;
      write(context, fits, left(i), top - 8, { size: 13, bold: true });
      outline(context, left(i), top, width * m, height * m);
    });
  };
  /** What panel i shows at a step: the film and the frame of it; undefined for the difference during the context. */
  const shown = (panel: Panel, step: number): readonly [Panel, number] | undefined => {
    if (step >= past) return [panel, step - past];
    return panel.kind === "difference" ? undefined : [{ ...panel, film: before! }, step];
  };

  const encoder = GIFEncoder();
  const steps = past + horizon;
  const writeFrame = channels === 1 ? indexWriter() : colourWriter();
  for (let step = 0; step < steps; step++) {
    drawText(step);
    const delay = 1000 * (step === steps - 1 ? Math.max(pause, 1 / fps) : 1 / fps);
    writeFrame(step, delay);
  }
  encoder.finish();

  function indexWriter() {
    const palette = fixedPalette(colourMap(colours));
    return (step: number, delay: number) => {
      const index = greyIndex(context, canvas.width, canvas.height);
      panels.forEach((panel, i) => {
        const what = shown(panel, step);
        if (what) putIndex(index, canvas.width, what[0], what[1], left(i), top, m);
      });
      encoder.writeFrame(index, canvas.width, canvas.height, step === 0 ? { palette, delay, repeat: 0 } : { delay });
    };
  }
  function colourWriter() {
    const everything = [...(before ? [before] : []), ...panels.map((panel) => panel.film)];
    const palette = [...fixedPalette(colourMap("grey")).slice(0, greys), [...notFinite], ...mainColours(everything)];
    return (step: number, delay: number) => {
      panels.forEach((panel, i) => {
        const what = shown(panel, step);
        if (what) putFrame(context, paint(what[0].film, what[1], colourMap(colours)), left(i), top, m);
      });
      const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
      const index = applyPalette(rgba, palette);
      encoder.writeFrame(index, canvas.width, canvas.height, step === 0 ? { palette, delay, repeat: 0 } : { delay });
    };
  }

  const bytes = Buffer.from(encoder.bytes());
  const still = frames(clips, { sample, title, colours });
  const text = `animation of ${steps} frames at ${fps} per second: ${panels.map((panel) => panel.name).join(" | ")}; ${still.text}`;
  return picture({
    png: still.png,
    width: still.width,
    height: still.height,
    text,
    gif: bytes,
    html: () =>
      `<img src="data:image/gif;base64,${bytes.toString("base64")}" alt="${escapeHtml(text)}" width="${canvas.width}" height="${canvas.height}">`,
  });
}

/** Text and lines as rows of the palette's greys. */
function greyIndex(context: Context, width: number, height: number): Uint8Array {
  const { data } = context.getImageData(0, 0, width, height);
  const index = new Uint8Array(width * height);
  for (let i = 0; i < index.length; i++) {
    const light = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    index[i] = Math.round((light * (greys - 1)) / 255);
  }
  return index;
}

/** 239 colours that stand for all pixels of the films (at most about 200,000 of them are looked at). */
function mainColours(films: readonly Film[]): number[][] {
  const total = films.reduce((sum, film) => sum + film.data.length / 3, 0);
  const every = Math.max(1, Math.floor(total / 200_000));
  const rgba: number[] = [];
  for (const { data } of films) {
    for (let i = 0; i + 2 < data.length; i += 3 * every) {
      rgba.push(level(data[i]) & 255, level(data[i + 1]) & 255, level(data[i + 2]) & 255, 255);
    }
  }
  return quantize(Uint8Array.from(rgba), 239);
}
