import { UserError } from "../types";
import { type FramePair, isKnown, shared } from "./framePairs";
import { levelsReached, ranksOf, type Threshold } from "./levels";
import { type Score, score } from "./score";

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
  const key = {};
  return levels.map(({ name, meaning }, i) =>
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
        measure: (pair) => shared(pair, key, () => terms(pair, levels, side))[i],
        value: ([difference, total]) => (total === 0 ? 0 : 1 - difference / total),
      },
    ),
  );
}

type Terms = readonly [difference: number, total: number];

/** Σ(P̂ - P)² and ΣP̂² + ΣP² of one frame at each level. */
function terms(pair: FramePair, levels: readonly Threshold[], side: number): readonly Terms[] {
  if (!isKnown(pair)) return levels.map(() => [Number.NaN, Number.NaN]);
  const pixels = levels.map(({ pixel }) => pixel);
  const fields = [pair.predicted, pair.observed].map((values) => levelsReached(values, pixels));
  const ranks = ranksOf(pixels);
  // The numbers of events at several levels are counted at once, side by side in the bits of one number.
  const bits = Math.ceil(Math.log2(side ** 2 + 1));
  const atOnce = Math.max(1, Math.floor(31 / bits));
  const found: Terms[] = [];
  for (let first = 0; first < levels.length; first += atOnce) {
    const group = ranks.slice(first, first + atOnce);
    const events = Int32Array.from({ length: levels.length + 1 }, (_, reached) =>
      group.reduce((sum, rank, i) => sum + (reached > rank ? 1 << (i * bits) : 0), 0),
    );
    const [forecast, truth] = fields.map((field) => around(field, events, side, pair));
    for (let i = 0; i < group.length; i++) found.push(squares(forecast, truth, i * bits, 2 ** bits - 1, side));
  }
  return found;
}

/** The terms of one level, whose numbers of events lie at `shift` in the bits. */
function squares(forecast: Int32Array, truth: Int32Array, shift: number, mask: number, side: number): Terms {
  let [difference, total] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    const p = (forecast[i] >> shift) & mask;
    const o = (truth[i] >> shift) & mask;
    difference += (p - o) * (p - o);
    total += p * p + o * o;
  }
  // Shares, from numbers of pixels.
  return [difference / side ** 4, total / side ** 4];
}

/**
 * Sums of `events[reached]` in each neighbourhood: along rows and then along columns, each the one before with what enters and
 * without what leaves.
 */
function around(reached: Uint8Array, events: Int32Array, side: number, { width, channels }: FramePair): Int32Array {
  const row = width * channels;
  const reach = ((side - 1) / 2) * channels;
  const along = new Int32Array(reached.length);
  // A row, and nothing around it.
  const before = 2 * reach + channels;
  const line = new Int32Array(before + row + reach);
  const sums = new Int32Array(reach + channels + row);
  for (let start = 0; start < reached.length; start += row) {
    for (let i = 0; i < row; i++) line[before + i] = events[reached[start + i]];
    for (let i = channels; i < sums.length; i++)
      sums[i] = sums[i - channels] + line[i + 2 * reach] - line[i - channels];
    along.set(sums.subarray(reach + channels), start);
  }
  const result = new Int32Array(reached.length);
  const column = new Int32Array(row);
  const rows = ((side - 1) / 2) * row;
  for (let start = -rows; start < reached.length; start += row) {
    const [enters, leaves] = [start + rows, start - rows - row];
    if (enters < reached.length) for (let i = 0; i < row; i++) column[i] += along[enters + i];
    if (leaves >= 0) for (let i = 0; i < row; i++) column[i] -= along[leaves + i];
    if (start >= 0) result.set(column, start);
  }
  return result;
}
