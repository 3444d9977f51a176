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
  const forecast = eventsAlong(pair.predicted, pixel, side, pair);
  const truth = eventsAlong(pair.observed, pixel, side, pair);
  const { height } = pair;
  const row = pair.width * pair.channels;
  const reach = (side - 1) / 2;
  // Numbers of events in the neighbourhoods of one row, which move down by one pixel.
  const [p, o] = [new Int32Array(row), new Int32Array(row)];
  let [difference, total] = [0, 0];
  for (let at = -reach; at < height; at++) {
    const [enters, leaves] = [(at + reach) * row, (at - reach - 1) * row];
    if (enters < forecast.length) {
      for (let i = 0; i < row; i++) {
        p[i] += forecast[enters + i];
        o[i] += truth[enters + i];
      }
    }
    if (leaves >= 0) {
      for (let i = 0; i < row; i++) {
        p[i] -= forecast[leaves + i];
        o[i] -= truth[leaves + i];
      }
    }
    if (at < 0) continue;
    for (let i = 0; i < row; i++) {
      const gap = p[i] - o[i];
      difference += gap * gap;
      total += p[i] * p[i] + o[i] * o[i];
    }
  }
  // Shares, from numbers of pixels.
  return [difference / side ** 4, total / side ** 4];
}

/** How many of the `side` pixels around each one in its row reach the level. */
function eventsAlong(values: Float64Array, pixel: number, side: number, { width, channels }: FramePair): Int32Array {
  const row = width * channels;
  const reach = ((side - 1) / 2) * channels;
  const along = new Int32Array(values.length);
  // A row of events, and none around it; the number at `i` is that before, with what enters and without what leaves.
  const before = 2 * reach + channels;
  const events = new Uint8Array(before + row + reach);
  const numbers = new Int32Array(reach + channels + row);
  for (let start = 0; start < values.length; start += row) {
    for (let i = 0; i < row; i++) events[before + i] = values[start + i] >= pixel ? 1 : 0;
    for (let i = channels; i < numbers.length; i++) {
      numbers[i] = numbers[i - channels] + events[i + 2 * reach] - events[i - channels];
    }
    along.set(numbers.subarray(reach + channels), start);
  }
  return along;
}
