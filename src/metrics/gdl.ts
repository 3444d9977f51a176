import type { FramePair } from "./framePairs";
import { meanScore } from "./score";

/**
 * Gradient difference loss: how much edges differ, in both directions, without an exponent.
 *
 * Source: Mathieu, Couprie, LeCun, "Deep multi-scale video prediction beyond mean square error", 2016, equation 6 with α = 1.
 */
export const gdl = meanScore(
  {
    name: "gdl",
    synonyms: ["GDL", "gradient difference loss"],
    better: "lower",
    unit: "sum over neighbouring pixels of value in 0..1",
    definition: "Σ over vertical and horizontal neighbours of ||Δx̂| - |Δx||, mean over clips",
  },
  (pair) =>
    edges(pair, pair.width * pair.channels, pair.height - 1, pair.width) +
    edges(pair, pair.channels, pair.height, pair.width - 1),
);

/** Differences between all pixels of the first `rows` and `columns` and those `step` numbers on. */
function edges(
  { predicted, observed, width, channels }: FramePair,
  step: number,
  rows: number,
  columns: number,
): number {
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const first = row * width * channels;
    for (let i = first; i < first + columns * channels; i++) {
      const forecast = Math.abs(predicted[i + step] - predicted[i]);
      total += Math.abs(forecast - Math.abs(observed[i + step] - observed[i]));
    }
  }
  return total;
}
