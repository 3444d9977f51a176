/**
 * A sum of float64 numbers without any rounding, kept as a few parts of falling overlap; plain data that can be stored.
 * As nothing is lost, order and grouping do not matter: parts summed apart and joined equal the whole to the last bit.
 *
 * Source: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997, section 2.3 (Grow-Expansion).
 */
export type ExactSum = readonly number[];

/** The sum with one more number. NaN stays NaN; an infinite number is treated as one. */
export function addExact(sum: ExactSum, value: number): ExactSum {
  if (!Number.isFinite(value) || Number.isNaN(sum[0])) return [Number.NaN];
  const parts: number[] = [];
  let high = value;
  for (const part of sum) {
    const [large, small] = Math.abs(high) < Math.abs(part) ? [part, high] : [high, part];
    high = large + small;
    const low = small - (high - large);
    if (low !== 0) parts.push(low);
  }
  parts.push(high);
  return parts;
}

export const joinExact = (a: ExactSum, b: ExactSum): ExactSum => b.reduce<ExactSum>(addExact, a);

/** The float64 number nearest to the exact sum, halves to even. */
export function roundExact(sum: ExactSum): number {
  let at = sum.length - 1;
  let high = at < 0 ? 0 : sum[at];
  let low = 0;
  while (at > 0 && low === 0) {
    const before = high;
    const part = sum[--at];
    high = before + part;
    low = part - (high - before);
  }
  // Exactly half way between two numbers: the next part below decides.
  if (at > 0 && low !== 0 && Math.sign(low) === Math.sign(sum[at - 1])) {
    const up = high + 2 * low;
    if (up - high === 2 * low) high = up;
  }
  return high;
}
