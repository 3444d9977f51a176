import { UserError } from "../types";
import type { Panel } from "./chart";
import { type Chart, curves } from "./curves";

/** What of a training depends on the iteration, counted from 0, alone. */
export interface Recipe {
  /** Optimiser steps in all. */
  iterations: number;
  learningRate: (iteration: number) => number;
  /** Probabilities, 0 to 1, that a network sees a true frame, by name; default none. */
  sampling?: Readonly<Record<string, (iteration: number) => number>>;
}

export interface RecipeCurvesOptions {
  /** Default "Recipe". */
  title?: string;
  /** Points of each line, at equal distances; default 400. */
  points?: number;
  /** Add the chart for Plotly; default true. */
  interactive?: boolean;
}

/**
 * Draws a recipe before anything is trained: the learning rate and, beside it, the probabilities of sampling over the iterations.
 * Errors: iterations that make no sense, a probability outside 0 to 1.
 *
 *     recipeCurves({ iterations: 1000, learningRate: cosineRate(3e-3, 1000), sampling: { eta: (i) => scheduledEta(i, 700) } });
 */
export function recipeCurves(
  { iterations, learningRate, sampling = {} }: Recipe,
  { title = "Recipe", points = 400, interactive = true }: RecipeCurvesOptions = {},
): Chart {
  for (const [name, value] of Object.entries({ iterations, points })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new UserError(`${name}: ${value} is not 1, 2, ...`);
  }
  const last = iterations - 1;
  const count = Math.max(1, Math.min(points - 1, last));
  const x = [...new Set(Array.from({ length: count + 1 }, (_, i) => Math.round((i * last) / count)))];
  const line = (name: string, valueAt: (iteration: number) => number) => ({ name, x, y: x.map(valueAt) });
  const etas = Object.entries(sampling).map(([name, valueAt]) => line(name, valueAt));
  for (const { name, y } of etas) {
    const wrong = y.findIndex((value) => !(value >= 0 && value <= 1));
    if (wrong >= 0) throw new UserError(`${name} is ${y[wrong]} at iteration ${x[wrong]}, expected a probability`);
  }
  const common = { xLabel: "iteration", wholeX: true };
  const panels: Panel[] = [
    { ...common, title: "Learning rate", yLabel: "learning rate", series: [line("learning rate", learningRate)] },
    ...(etas.length > 0 ? [{ ...common, title: "Sampling", yLabel: "probability of truth", series: etas }] : []),
  ];
  return curves(panels, { title, interactive });
}
