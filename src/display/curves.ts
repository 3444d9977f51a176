import { UserError } from "../types";
import { brief } from "./axis";
import { drawChart, type Panel, type Series, xOf } from "./chart";
import { type Picture, picture } from "./mime";
import { type Figure, figure, figureHtml } from "./plotly";

export interface CurvesOptions {
  /** Written above the chart; default none. */
  title?: string;
  /** What runs from left to right, with unit; default "frame". For panels: the default of those that name none. */
  xLabel?: string;
  /** What runs upwards, with unit; default none. */
  yLabel?: string;
  /** Powers of ten upwards; default false. */
  logY?: boolean;
  /** Panels beside each other; default 1 for one panel, 2 for more. */
  columns?: number;
  /** Width of the whole chart, in pixels; default 720 for one column, 900 for more. */
  width?: number;
  /** Height of the whole chart, in pixels; default 400 for one row, 300 for each of several. */
  height?: number;
  /** Pixels of the PNG for each pixel of the layout; default 1. */
  scale?: number;
  /** Add the same chart for Plotly as HTML (about 0.5 MB in the notebook); default true. */
  interactive?: boolean;
}

/** A chart: the static picture, and the same as a Plotly figure. */
export interface Chart extends Picture {
  readonly figure: Figure;
}

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
};

const isPanel = (one: Series | Panel): one is Panel => "series" in one;

/** Error in one line unless all lengths within each series agree. */
function check(panels: readonly Panel[]): void {
  const series = panels.flatMap((panel) => panel.series);
  if (series.length === 0) throw new UserError("no series to draw");
  for (const one of series) {
    const { name, y, band } = one;
    for (const [what, values] of Object.entries({ x: xOf(one), "band.low": band?.low, "band.high": band?.high })) {
      if (values && values.length !== y.length) {
        throw new UserError(`${name}: ${what} has ${values.length} values, but y has ${y.length}`);
      }
    }
  }
}

/**
 * Line charts: one panel of series, or several panels, such as one score each.
 *
 * Returns a picture with the static PNG (drawn on a canvas, without a browser) and, unless `interactive` is false, the
 * same chart with hover and zoom as HTML that works alone. `figure` is the Plotly figure {data, layout}.
 * Values that are not finite leave gaps. Errors: nothing to draw, lengths that do not agree.
 */
export function curves(what: readonly Series[] | readonly Panel[], options: CurvesOptions = {}): Chart {
  const { title, xLabel = "frame", yLabel, logY = false, scale = 1, interactive = true } = options;
  const parts = what as readonly (Series | Panel)[];
  const panels: Panel[] = parts.every(isPanel)
    ? parts.map((panel) => ({ xLabel, yLabel, logY, ...panel }))
    : [{ xLabel, yLabel, logY, series: parts as readonly Series[] }];
  check(panels);
  if (!(scale > 0)) throw new UserError(`scale: ${scale} is not above 0`);
  const { columns = panels.length === 1 ? 1 : 2 } = options;
  const rows = Math.ceil(panels.length / columns);
  const { width = columns === 1 ? 720 : 900, height = rows === 1 ? 400 : 300 * rows } = options;
  const size = { title, width, height, columns, scale };

  const canvas = drawChart(panels, size);
  const png = canvas.toBuffer("image/png");
  const text = `${title ?? "chart"}: ${panels.map(describe).join("; ")}`;
  const plot = once(() => figure(panels, size));
  const still = { png, width: canvas.width, height: canvas.height, text };
  const value = picture({ ...still, ...(interactive && { html: () => figureHtml(plot(), png, text) }) });
  return Object.defineProperty(value, "figure", { enumerable: true, get: plot }) as Chart;
}

/** "MSE per frame (pixel²): ConvLSTM 12.1 to 43.2, ...". */
function describe({ title, yLabel, series }: Panel): string {
  const ends = series
    .filter((one) => !one.faint)
    .map(({ name, y }) =>
      y.length ? `${name} ${brief(y[0])} to ${brief(y[y.length - 1])}` : `${name} without points`,
    );
  const label = [...new Set([title, yLabel].filter(Boolean))].join(", ");
  return `${label ? `${label}: ` : ""}${ends.join(", ")}`;
}

/** One point of a training run; what is missing is not drawn. */
export interface LossPoint {
  /** Optimiser step, from 1. */
  iteration: number;
  /** Training loss at this step. */
  loss?: number;
  /** Loss on held-out clips at this step. */
  validation?: number;
}

export interface LossCurveOptions {
  /** Default "Loss while training". */
  title?: string;
  /** The loss with its unit; default "loss". */
  yLabel?: string;
  /** Powers of ten upwards; default true if the loss spans more than a factor of 20. */
  logY?: boolean;
  /** How many points of training loss are averaged for the bold line; default a fortieth of them, 1 = none. */
  smooth?: number;
  /** Add the chart for Plotly; default false, because a live curve is drawn often. */
  interactive?: boolean;
  /** Right end of the lower axis: how many iterations there will be; default the last point. */
  iterations?: number;
}

/** Mean of the finite values around each point: `window` of them, fewer at the ends, as many before as after. */
export function runningMean(values: readonly number[], window: number): number[] {
  const sums = new Float64Array(values.length + 1);
  const counts = new Float64Array(values.length + 1);
  values.forEach((value, i) => {
    const finite = Number.isFinite(value);
    sums[i + 1] = sums[i] + (finite ? value : 0);
    counts[i + 1] = counts[i] + (finite ? 1 : 0);
  });
  return values.map((_, i) => {
    const half = Math.min(Math.floor(window / 2), i, values.length - 1 - i);
    return (sums[i + half + 1] - sums[i - half]) / (counts[i + half + 1] - counts[i - half]);
  });
}

/**
 * The curve of training (pale: each step, bold: running mean) and validation loss, quick enough to be drawn again and
 * again while training: `const live = await show(lossCurve(points))`, then `await live.update(lossCurve(points))`.
 * Errors: as for `curves`; no points give empty axes.
 */
export function lossCurve(points: readonly LossPoint[], options: LossCurveOptions = {}): Chart {
  const { title = "Loss while training", yLabel = "loss", interactive = false, iterations } = options;
  const training = points.filter((point) => point.loss !== undefined);
  const held = points.filter((point) => point.validation !== undefined);
  const loss = training.map((point) => point.loss!);
  const { smooth = Math.max(1, Math.floor(loss.length / 40)) } = options;
  if (!Number.isInteger(smooth) || smooth < 1) throw new UserError(`smooth: ${smooth} is not 1, 2, ...`);
  const positive = [...loss, ...held.map((point) => point.validation!)].filter(
    (value) => value > 0 && value < Infinity,
  );
  const spread =
    positive.reduce((high, value) => Math.max(high, value), 0) /
    positive.reduce((low, value) => Math.min(low, value), Infinity);
  const { logY = spread > 20 } = options;

  const x = training.map((point) => point.iteration);
  const series: Series[] = [{ name: "training", x, y: runningMean(loss, smooth) }];
  if (smooth > 1) series.unshift({ name: "training", x, y: loss, faint: true });
  if (held.length) {
    const y = held.map((point) => point.validation!);
    series.push({ name: "validation", x: held.map((point) => point.iteration), y });
  }
  const xRange = iterations === undefined ? undefined : ([0, iterations] as const);
  const panel: Panel = { xLabel: "iteration", yLabel, logY, series, xRange, wholeX: true };
  return curves([panel], { title, interactive, height: 360 });
}
