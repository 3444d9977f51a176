import { type FrameSpec, UserError } from "../types";
import { blank, type Context, textWidth, widest, write } from "./canvas";
import { type ColourMapName, colourMap } from "./colour";
import { barHeight, barWidth, type ColourBar, drawBar } from "./colourBar";
import { type ClipsToDraw, type Film, films, unitLabel } from "./film";
import { type Picture, picture } from "./mime";
import { markedNote, paint, putFrame } from "./raster";

export interface FramesOptions {
  /** Which sample of the batch; default 0. */
  sample?: number;
  /** Written above the picture; default none. */
  title?: string;
  /** Colour map for one channel; default "grey". */
  colours?: ColourMapName;
  /** Side of one drawn pixel, in screen pixels, a whole number; default: the largest for which the picture is not wider than `maxWidth`. */
  magnification?: number;
  /** Widest picture that the default magnification may give, in pixels; default 960. */
  maxWidth?: number;
  /** Draw each n-th frame; default: so many that a row has at most 10. */
  every?: number;
  /** Unit and range of the values; adds a colour bar for one channel. Default: no colour bar. */
  spec?: Pick<FrameSpec, "unit" | "range">;
}

interface Row {
  readonly label: string;
  readonly film: Film;
}
interface Block {
  readonly rows: readonly Row[];
  readonly times: readonly number[];
  readonly header: (time: number) => string;
}

const gap = 4;
const margin = 14;
const textSize = 12;
const headerHeight = 20;

function blocksOf(clips: ClipsToDraw, sample: number, every?: number): Block[] {
  const { truth, forecasts, context } = films(clips, sample);
  const horizon = forecasts[0].time;
  const stepFor = (time: number) => every ?? Math.ceil(time / 10);
  if (every !== undefined && !(Number.isInteger(every) && every > 0))
    throw new UserError(`every: ${every} is not 1, 2, ...`);
  const blocks: Block[] = [];
  if (context) {
    const step = stepFor(context.time);
    const offset = (context.time - 1) % step;
    const times = Array.from({ length: Math.ceil(context.time / step) }, (_, i) => offset + i * step);
    blocks.push({ rows: [{ label: "context", film: context }], times, header: contextHeader(context.time) });
  }
  const step = stepFor(horizon);
  const rows = [...(truth ? [truth] : []), ...forecasts].map((film) => ({ label: film.name, film }));
  const times = Array.from({ length: Math.ceil(horizon / step) }, (_, i) => i * step);
  blocks.push({ rows, times, header: (time) => `t+${time + 1}` });
  return blocks;
}

/** Context frames end at t: the last of T is called "t", the one before "t−1". */
export const contextHeader = (length: number) => (time: number) =>
  time === length - 1 ? "t" : `t−${length - 1 - time}`;

/** The largest whole magnification that fits into `maxWidth`, but enough for 200 pixels across and down. */
function fit(columns: number, rows: number, film: Film, fixedWidth: number, fixedHeight: number, maxWidth: number) {
  const widthAt = (m: number) => fixedWidth + columns * (film.width * m + gap);
  const heightAt = (m: number) => fixedHeight + rows * (film.height * m + gap);
  const largest = Math.max(1, Math.floor(256 / Math.max(film.width, film.height)));
  let m = 1;
  while (m < largest && widthAt(m + 1) <= maxWidth) m++;
  while (widthAt(m) < 200 || heightAt(m) < 200) m++;
  return m;
}

/**
 * Frames side by side: the context, below it truth and forecasts frame by frame, times above the columns
 * (the context ends at t, the horizon is t+1, t+2, ...).
 *
 * Clips are [batch, time, height, width, channels] in [0, 1] with 1 channel (colour map) or 3 (red, green, blue);
 * values outside are clipped, pixels that are not finite are magenta and counted below the picture.
 * Errors: shapes that do not agree, a sample that is not there, an unknown colour map.
 */
export function frames(clips: ClipsToDraw, options: FramesOptions = {}): Picture {
  const { sample = 0, title, colours = "grey", maxWidth = 960, every, spec } = options;
  const map = colourMap(colours);
  const blocks = blocksOf(clips, sample, every);
  const [first] = blocks[blocks.length - 1].rows;
  const bar: ColourBar | undefined =
    spec && first.film.channels === 1
      ? { map, low: spec.range[0], high: spec.range[1], label: unitLabel(spec) }
      : undefined;

  const rows = blocks.reduce((sum, block) => sum + block.rows.length, 0);
  const columns = Math.max(...blocks.map((block) => block.times.length));
  const labels = blocks.flatMap((block) => block.rows.map((row) => row.label));
  const left = margin + Math.ceil(widest(labels, textSize)) + 8;
  const top = margin + (title ? 24 : 0);
  const right = margin + (bar ? 14 + barWidth(bar, 200) : 0);
  const between = 8;
  const fixedHeight = top + blocks.length * headerHeight + (blocks.length - 1) * between + margin;
  const m = options.magnification ?? fit(columns, rows, first.film, left + right, fixedHeight, maxWidth);
  if (!Number.isInteger(m) || m < 1) throw new UserError(`magnification: ${m} is not 1, 2, ...`);
  const [cellWidth, cellHeight] = [first.film.width * m, first.film.height * m];

  const longest = Math.max(...blocks.flatMap((block) => block.times.map((time) => textWidth(block.header(time), 11))));
  const labelEvery = Math.max(1, Math.ceil((longest + 6) / (cellWidth + gap)));
  const painted = blocks.map(({ rows, times }) => rows.map(({ film }) => times.map((time) => paint(film, time, map))));
  const note = markedNote(painted.flat(2).reduce((sum, pixels) => sum + pixels.marked, 0));
  const draw = (context: Context) => {
    let y = top;
    blocks.forEach(({ rows, times, header }, b) => {
      y += headerHeight;
      times.forEach((time, i) => {
        if (i % labelEvery) return;
        const middle = left + i * (cellWidth + gap) + cellWidth / 2;
        write(context, header(time), middle, y - 6, { size: 11, align: "center" });
      });
      rows.forEach(({ label }, r) => {
        write(context, label, left - 8, y + cellHeight / 2, { align: "right", baseline: "middle" });
        painted[b][r].forEach((pixels, i) => {
          putFrame(context, pixels, left + i * (cellWidth + gap), y, m);
        });
        y += cellHeight + gap;
      });
      y += between;
    });
  };

  const gridHeight = fixedHeight + rows * (cellHeight + gap);
  const gridRight = left + columns * (cellWidth + gap) - gap;
  const barSpace = bar ? Math.max(120, barHeight(bar)) : 0;
  const width = Math.max(gridRight + right, title ? Math.ceil(textWidth(title, 14, true)) + 2 * margin : 0);
  const height = Math.max(gridHeight, bar ? top + headerHeight + barSpace + margin : 0) + (note ? 16 : 0);
  const { canvas, context } = blank(width, height);
  if (title) write(context, title, margin, margin + 12, { size: 14, bold: true });
  draw(context);
  if (bar) {
    const available = gridHeight - margin - gap - top - headerHeight;
    drawBar(context, bar, gridRight + 14, top + headerHeight, Math.max(barSpace, Math.min(available, 400)));
  }
  if (note) write(context, note, margin, height - 8, { size: 11, colour: "#b000b0" });

  const { film } = first;
  const shown = [
    ...(clips.context ? [`context of ${blocks[0].rows[0].film.time} frames`] : []),
    `${labels.filter((label) => label !== "context").join(" above ")}, ${film.time} frames`,
    `${film.height} x ${film.width}${film.channels === 3 ? " in colour" : ""}`,
    ...(note ? [note] : []),
  ];
  return picture({
    png: canvas.toBuffer("image/png"),
    width: canvas.width,
    height: canvas.height,
    text: `${title ?? "frames"}: ${shown.join("; ")}`,
  });
}
