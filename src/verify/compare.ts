/** What one comparison with known answers found. */
export interface Finding {
  readonly what: string;
  /** How far off, in the unit of `allowed`. */
  readonly error: number;
  readonly allowed: number;
}

/** Largest absolute difference. Arrays of different lengths, and NaN, are infinitely far apart. */
export function absolute(what: string, got: ArrayLike<number>, expected: ArrayLike<number>, allowed: number): Finding {
  return { what, error: distance(got, expected), allowed };
}

/** Answers that are zero but for the rounding of the double precision they were computed in; ours are of float32. */
const ZERO = 1e-12;
const ALLOWED_OF_ZERO = 1e-5;

/**
 * Largest absolute difference, as a part of the largest expected value. Where all that is expected is zero to rounding, such as
 * the gradient of a bias that a softmax ignores, the difference itself.
 */
export function relative(what: string, got: ArrayLike<number>, expected: ArrayLike<number>, allowed: number): Finding {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  if (largest > 0 && largest < ZERO) return absolute(`${what}, which is zero,`, got, expected, ALLOWED_OF_ZERO);
  return { what, error: distance(got, expected) / (largest || 1), allowed };
}

/** Something that is right or wrong. */
export const exact = (what: string, right: boolean): Finding => ({ what, error: right ? 0 : 1, allowed: 0 });

export const failed = ({ error, allowed }: Finding): boolean => !(error <= allowed);

function distance(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i] - expected[i]);
    if (Number.isNaN(error)) return Infinity;
    worst = Math.max(worst, error);
  }
  return worst;
}
