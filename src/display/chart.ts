import { linearTicks, logTicks, type Ticks } from "./axis";
import { blank, type Canvas, type Context, textWidth, widest, write } from "./canvas";
import { palette } from "./colour";

/** One line of a chart. */
export interface Series {
  /** Name in the legend; a name has the same colour in all panels. */
  name: string;
  /** Heights, one per point. A value that is not finite leaves a gap. */
  y: readonly number[];
  /** Places from left to right; default 1, 2, 3, ... */
  x?: readonly number[];
  /** Lower and upper edge of a shaded band around the line, such as a confidence interval; default none. */
  band?: { readonly low: readonly number[]; readonly high: readonly number[] };
  /** Thin and pale, and not in the legend: the raw values behind a smoothed line. Default false. */
  faint?: boolean;
  /** Colour as "#rrggbb"; default by name from eight colours that all eyes tell apart. */
  colour?: string;
}

/** One pair of axes. */
export interface Panel {
  /** Default none. */
  title?: string;
  /** What runs from left to right, with unit; default none. */
  xLabel?: string;
  /** What runs upwards, with unit; default none. */
  yLabel?: string;
  series: readonly Series[];
  /** Powers of ten upwards; values not above 0 are left out. Default false. */
  logY?: boolean;
  /** Ends of the lower axis; default the first and the last x. */
  xRange?: readonly [number, number];
  /** Whole numbers only at the lower axis; default true if every x is one. */
  wholeX?: boolean;
}

export interface ChartSize {
  /** Above everything; default none. */
  title?: string;
  /** Of the whole chart, in pixels. */
  width: number;
  height: number;
  /** Panels beside each other. */
  columns: number;
  /** Pixels of the PNG for each pixel of the layout. */
  scale: number;
}

/** Colours by name of series, in order of first appearance. */
export function coloursByName(panels: readonly Panel[]): Map<string, string> {
  const colours = new Map<string, string>();
  for (const { name, colour } of panels.flatMap((panel) => panel.series)) {
    if (!colours.has(name)) colours.set(name, colour ?? palette[colours.size % palette.length]);
  }
  return colours;
}

export const xOf = (series: Series): readonly number[] => series.x ?? series.y.map((_, i) => i + 1);

/** Lowest and highest value that can be drawn, with a little air; an axis of counts starts at its first point. */
function extent(values: readonly number[], air: number, log = false): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (log) {
    const room = Math.max((high / low) ** air, 1.05);
    return [low / room, high * room];
  }
  const room = high > low ? (high - low) * air : Math.max(Math.abs(high) * 0.1, air > 0 ? 1e-3 : 0.5);
  return [low >= 0 && low - room < 0 && air > 0 ? Math.min(low, 0) : low - room, high + room];
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const small = 11;
const grid = "#e4e4e4";

/** About how many marks an axis gets: as many as have room, from 3 to `most`. */
const tickCount = (room: number, most: number) => Math.min(most, Math.max(3, Math.floor(room)));

/** Draws one panel into its box; everything, labels included, stays inside. */
function drawPanel(context: Context, panel: Panel, box: Box, colours: Map<string, string>): void {
  const { series, logY = false, title, xLabel, yLabel } = panel;
  const xs = series.map(xOf);
  const { wholeX = xs.every((x) => x.every(Number.isInteger)) } = panel;
  const [x0, x1] = panel.xRange ?? extent(xs.flat(), 0);
  const heights = series.flatMap(({ y, band }) => (band ? [...y, ...band.low, ...band.high] : [...y]));
  const [y0, y1] = extent(heights, 0.06, logY);

  const top = box.y + (title ? 24 : 10);
  const bottom = box.y + box.height - (xLabel ? 44 : 26);
  const yTicks = logY ? logTicks(y0, y1) : linearTicks(y0, y1, tickCount((bottom - top) / 32, 6));
  const left = box.x + Math.ceil(widest(yTicks.labels, small)) + 10 + (yLabel ? 22 : 0);
  const right = box.x + box.width - 18;
  const room = widest(linearTicks(x0, x1, 4).labels, small) + 20;
  const xTicks = wholeTicks(linearTicks(x0, x1, tickCount((right - left) / room, 10)), wholeX);

  const place = logY ? Math.log : (value: number) => value;
  const toX = (value: number) => left + ((value - x0) / (x1 - x0)) * (right - left);
  const toY = (value: number) => bottom - ((place(value) - place(y0)) / (place(y1) - place(y0))) * (bottom - top);

  context.lineWidth = 1;
  context.strokeStyle = grid;
  const line = (fromX: number, fromY: number, intoX: number, intoY: number) => {
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(intoX, intoY);
    context.stroke();
  };
  const sharp = (value: number) => Math.round(value) + 0.5;
  xTicks.values.forEach((value, i) => {
    line(sharp(toX(value)), top, sharp(toX(value)), bottom);
    write(context, xTicks.labels[i], toX(value), bottom + 7, { size: small, align: "center", baseline: "top" });
  });
  yTicks.values.forEach((value, i) => {
    line(left, sharp(toY(value)), right, sharp(toY(value)));
    write(context, yTicks.labels[i], left - 7, toY(value), { size: small, align: "right", baseline: "middle" });
  });
  context.strokeStyle = "#606060";
  line(sharp(left), top, sharp(left), bottom);
  line(left, sharp(bottom), right, sharp(bottom));
  const middle = (left + right) / 2;
  if (title) write(context, title, middle, box.y + 13, { size: 13, bold: true, align: "center" });
  if (xLabel) write(context, xLabel, middle, box.y + box.height - 6, { align: "center" });
  if (yLabel) write(context, yLabel, box.x + 14, (top + bottom) / 2, { align: "center", turn: 90 });

  context.save();
  context.beginPath();
  context.rect(left - 6, top - 6, right - left + 12, bottom - top + 12);
  context.clip();
  const names = [...colours.keys()];
  series.forEach((one, i) => {
    const draw: Drawn = { context, toX, toY, log: logY, colour: colours.get(one.name)!, sign: names.indexOf(one.name) };
    drawBand(one, xs[i], draw);
    drawLine(one, xs[i], draw, right - left);
  });
  context.restore();
}

const wholeTicks = ({ values, labels }: Ticks, whole: boolean): Ticks =>
  whole
    ? { values: values.filter(isWhole), labels: values.filter(isWhole).map((value) => String(Math.round(value))) }
    : { values, labels };
const isWhole = (value: number) => Math.abs(value - Math.round(value)) < 1e-6;

interface Drawn {
  context: Context;
  toX: (value: number) => number;
  toY: (value: number) => number;
  log: boolean;
  colour: string;
  sign: number;
}

function drawBand({ band }: Series, x: readonly number[], { context, toX, toY, log, colour }: Drawn): void {
  if (!band) return;
  const fits = (value: number) => Number.isFinite(value) && (!log || value > 0);
  const ok = x.map((_, i) => i).filter((i) => fits(band.low[i]) && fits(band.high[i]));
  context.beginPath();
  for (const i of ok) context.lineTo(toX(x[i]), toY(band.high[i]));
  for (const i of ok.reverse()) context.lineTo(toX(x[i]), toY(band.low[i]));
  context.closePath();
  context.globalAlpha = 0.18;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

/** Points as runs without gaps, in pixels; where points lie closer than pixels, only the extremes of each column. */
function runs({ y }: Series, x: readonly number[], { toX, toY, log }: Drawn, columns: number): [number, number][][] {
  const all: [number, number][][] = [[]];
  for (let i = 0; i < y.length; i++) {
    if (Number.isFinite(y[i]) && Number.isFinite(x[i]) && (!log || y[i] > 0))
      all[all.length - 1].push([toX(x[i]), toY(y[i])]);
    else if (all[all.length - 1].length) all.push([]);
  }
  if (y.length <= 4 * columns) return all;
  return all.map((run) => {
    const thin: [number, number][] = [];
    for (let i = 0; i < run.length; ) {
      let [low, high] = [run[i], run[i]];
      const column = Math.round(run[i][0]);
      for (; i < run.length && Math.round(run[i][0]) === column; i++) {
        if (run[i][1] < low[1]) low = run[i];
        if (run[i][1] > high[1]) high = run[i];
      }
      thin.push(low, high);
    }
    return thin;
  });
}

function drawLine(series: Series, x: readonly number[], drawn: Drawn, columns: number): void {
  const { context, colour, sign } = drawn;
  const { faint = false, y } = series;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineJoin = "round";
  context.lineWidth = faint ? 1 : 2;
  context.globalAlpha = faint ? 0.35 : 1;
  for (const run of runs(series, x, drawn, columns)) {
    context.beginPath();
    for (const [px, py] of run) context.lineTo(px, py);
    context.stroke();
    if (!faint && (y.length <= 40 || run.length === 1)) for (const [px, py] of run) mark(context, px, py, sign);
  }
  context.globalAlpha = 1;
}

/** A dot, square, triangle or diamond, so that lines differ by more than colour. */
function mark(context: Context, x: number, y: number, kind: number): void {
  const r = 3.5;
  context.beginPath();
  if (kind % 4 === 0) context.arc(x, y, r, 0, 2 * Math.PI);
  else if (kind % 4 === 1) context.rect(x - r, y - r, 2 * r, 2 * r);
  else {
    const points = kind % 4 === 2 ? [0, -1.3, 1.2, 0.9, -1.2, 0.9] : [0, -1.4, 1.4, 0, 0, 1.4, -1.4, 0];
    for (let i = 0; i < points.length; i += 2) context.lineTo(x + r * points[i], y + r * points[i + 1]);
    context.closePath();
  }
  context.fill();
}

/** Names beside their colours, in rows from `y` downwards; returns the height used. */
function drawLegend(
  context: Context,
  panels: readonly Panel[],
  colours: Map<string, string>,
  y: number,
  width: number,
) {
  const all = panels.flatMap((panel) => panel.series);
  const names = [...colours.keys()].filter((name) => all.some((one) => one.name === name && !one.faint));
  if (names.length < 2) return 0;
  let [x, row] = [16, 0];
  for (const name of names) {
    const needed = 34 + textWidth(name, 12) + 20;
    if (x > 16 && x + needed > width) [x, row] = [16, row + 1];
    const at = y + 20 * row + 10;
    context.strokeStyle = colours.get(name)!;
    context.fillStyle = colours.get(name)!;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, at);
    context.lineTo(x + 26, at);
    context.stroke();
    const few = all.every((one) => one.name !== name || one.faint || one.y.length <= 40);
    if (few) mark(context, x + 13, at, [...colours.keys()].indexOf(name));
    write(context, name, x + 34, at, { baseline: "middle" });
    x += needed;
  }
  return 20 * row + 24;
}

/** Draws panels with one legend for all. */
export function drawChart(panels: readonly Panel[], { title, width, height, columns, scale }: ChartSize): Canvas {
  const { canvas, context } = blank(width * scale, height * scale);
  context.scale(scale, scale);
  const colours = coloursByName(panels);
  let top = 10;
  if (title) {
    write(context, title, 16, 26, { size: 15, bold: true });
    top = 38;
  }
  top += drawLegend(context, panels, colours, top, width);
  const rows = Math.ceil(panels.length / columns);
  const between = 12;
  const [across, down] = [(width - 8) / columns, (height - top - 8 - (rows - 1) * between) / rows];

  panels.forEach((panel, i) => {
    const row = Math.floor(i / columns);
    const box = { x: 4 + (i % columns) * across, y: top + row * (down + between), width: across, height: down };
    drawPanel(context, panel, box, colours);
  });
  return canvas;
}
