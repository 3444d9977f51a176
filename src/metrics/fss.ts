import { UserError } from "../types";
import { type FramePair, isKnown } from "./framePairs";
import { type Score, score } from "./score";
import type { Threshold } from "./skill";

/**
 * Fractions skill score at each level, `fss-0.5` and so on: how well the share of event pixels in each neighbourhood of
 * side x side pixels was forecast. 1 is perfect, 0 no overlap. What lies outside the frame counts as no event.
 *
 *     FSS = 1 - Σ(P̂ - P)² / (ΣP̂² + ΣP²)
 *
 * with sums over pixels, channels and clips, by frame index; 0/0 counts as 0, as in the scores of events. NaN stays NaN.
 *
 * Source: Roberts and Lean, "Scale-Selective Verification of Rainfall Accumulations from High-Resolution Forecasts of Convective
 * Events", 2008, equations 2 to 7. Throws a UserError for a side that is not odd.
 */
export function fractionsSkill(levels: readonly Threshold[], { side = 5 }: { side?: number } = {}): Score[] {
  if (!Number.isInteger(side) || side < 1 || side % 2 === 0) {
    throw new UserError(`neighbourhood: expected an odd side in pixels, got ${side}`);
  }
  return levels.map(({ name, pixel, meaning }) =>
    score(
      {
        name: `fss-${name}`,
        synonyms: ["FSS", "fractions skill score"],
        better: "higher",
        unit: `0..1, events from ${meaning}`,
        definition: `1 - Σ(P̂ - P)² / (ΣP̂² + ΣP²), P the share of events in ${side} x ${side} pixels`,
      },
      {
        parts: 2,
        measure: (pair) => terms(pair, pixel, side),
        value: ([difference, total]) => (total === 0 ? 0 : 1 - difference / total),
      },
    ),
  );
}

/** Σ(P̂ - P)² and ΣP̂² + ΣP² of one frame. */
function terms(pair: FramePair, pixel: number, side: number): readonly [difference: number, total: number] {
  if (!isKnown(pair)) return [Number.NaN, Number.NaN];
  const forecast = eventsAround(pair.predicted, pixel, side, pair);
  const truth = eventsAround(pair.observed, pixel, side, pair);
  let [difference, total] = [0, 0];
  for (let i = 0; i < forecast.length; i++) {
    difference += (forecast[i] - truth[i]) ** 2;
    total += forecast[i] ** 2 + truth[i] ** 2;
  }
  // Shares, from numbers of pixels.
  return [difference / side ** 4, total / side ** 4];
}

/** How many pixels in each neighbourhood reach the level, as sums along rows and then along columns that move by one pixel. */
function eventsAround(
  values: Float64Array,
  pixel: number,
  side: number,
  { height, width, channels }: FramePair,
): Int32Array {
  const reach = (side - 1) / 2;
  const [row, size] = [width * channels, height * width * channels];
  const along = new Int32Array(size);
  for (let start = 0; start < size; start += row) {
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      for (let column = -reach; column < width; column++) {
        if (column + reach < width && values[start + (column + reach) * channels + channel] >= pixel) sum++;
        if (column > reach && values[start + (column - reach - 1) * channels + channel] >= pixel) sum--;
        if (column >= 0) along[start + column * channels + channel] = sum;
      }
    }
  }
  const around = new Int32Array(size);
  const sums = new Int32Array(row);
  for (let at = -reach; at < height; at++) {
    if (at + reach < height) for (let i = 0; i < row; i++) sums[i] += along[(at + reach) * row + i];
    if (at > reach) for (let i = 0; i < row; i++) sums[i] -= along[(at - reach - 1) * row + i];
    if (at >= 0) around.set(sums, at * row);
  }
  return around;
}
