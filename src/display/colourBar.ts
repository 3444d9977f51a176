import { linearTicks } from "./axis";
import { type Context, textWidth, widest, write } from "./canvas";
import type { ColourMap } from "./colour";
import { outline } from "./raster";

export interface ColourBar {
  readonly map: ColourMap;
  /** Value of the first colour, in the unit of the label. */
  readonly low: number;
  /** Value of the last colour. */
  readonly high: number;
  /** What the values are, with their unit. */
  readonly label: string;
}

const thick = 14;
const small = 11;
const ticksFor = (bar: ColourBar, height: number) =>
  linearTicks(bar.low, bar.high, Math.max(2, Math.floor(height / 40)));

/** Width of a bar with its numbers and its label, in pixels. */
export const barWidth = (bar: ColourBar, height: number): number =>
  Math.ceil(thick + 8 + widest(ticksFor(bar, height).labels, small) + 22);

/** Height that the label of a bar needs, in pixels. */
export const barHeight = (bar: ColourBar): number => Math.ceil(textWidth(bar.label, 12));

/** Draws an upright colour bar with marks at its right, and its label beside them, read from below. */
export function drawBar(context: Context, bar: ColourBar, x: number, y: number, height: number): void {
  for (let row = 0; row < height; row++) {
    const i = 3 * Math.round(255 * (1 - row / (height - 1)));
    context.fillStyle = `rgb(${bar.map[i]}, ${bar.map[i + 1]}, ${bar.map[i + 2]})`;
    context.fillRect(x, y + row, thick, 1);
  }
  outline(context, x, y, thick, height);
  const { values, labels } = ticksFor(bar, height);
  context.fillStyle = "#606060";
  values.forEach((value, i) => {
    const at = y + Math.round((height - 1) * (1 - (value - bar.low) / (bar.high - bar.low)));
    context.fillStyle = "#606060";
    context.fillRect(x + thick + 1, at, 4, 1);
    write(context, labels[i], x + thick + 8, at + 0.5, { size: small, baseline: "middle" });
  });
  const middle = y + height / 2;
  write(context, bar.label, x + barWidth(bar, height) - 4, middle, { align: "center", baseline: "bottom", turn: 90 });
}
