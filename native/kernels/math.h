#pragma once
#include "lanes.h"

/**
 * Elementary functions as plain arithmetic without branches. Right to 2 to 3 units in the last place, also at infinities,
 * NaN and, unless it says otherwise, for numbers too small for a full mantissa.
 *
 * Polynomials were fitted with weights (Lawson's algorithm) for the smallest largest relative error.
 */
namespace ms {
namespace MS_ISA {
namespace {

/** 1.5 · 2^23: adding it rounds to a whole number, which then lies in the low bits. */
constexpr float ROUNDING = 12582912.0f;
/** Of the exponent in a float's bits. */
constexpr float BIAS = 127.0f;
/** ln 2 in two parts; the high one times a whole number below 2^15 is exact. */
constexpr float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
constexpr float LN2 = 0.693147181f, LOG2_E = 1.44269504f;

/** (e^r - 1 - r) / r² for |r| <= ln 2 / 2 */
MS_INLINE Lanes curve(Lanes r) {
  return 0.5f + r * (0.166665122f + r * (0.0416661873f + r * (0.00836959854f + r * 0.00139517174f)));
}

/** x = n ln 2 + r with |r| <= ln 2 / 2: 2^n and r. */
struct Reduced {
  Lanes scale, r;
};

/** For |x| <= 28. What is added rounds x / ln 2 to a whole number and is an exponent's bias at once. */
MS_INLINE Reduced reduceNear(Lanes x) {
  const Lanes shifted = x * LOG2_E + (ROUNDING + BIAS), whole = shifted - (ROUNDING + BIAS);
#ifdef __FMA__
  // The product is not rounded, and ln 2 as a float is right to 2e-9.
  const Lanes r = x - whole * LN2;
#else
  const Lanes r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
#endif
  return {(Lanes)((Bits)shifted << 23), r};
}

/** e^x */
MS_INLINE Lanes exponential(Lanes x) {
  // Beyond these the result is 0 or infinite.
  const Lanes near = larger(all(-104.0f), smaller(all(89.0f), x));
  const Lanes shifted = near * LOG2_E + ROUNDING, whole = shifted - ROUNDING;
  const Lanes r = (near - whole * LN2_HIGH) - whole * LN2_LOW;
  // In two steps: 2^128 and 2^-150 are no floats, the products may be.
  const Whole n = (Whole)shifted - (Whole)all(ROUNDING), half = n >> 1;
  const Lanes first = (Lanes)((half + 127) << 23), second = (Lanes)((n - half + 127) << 23);
  return (1.0f + (r + r * r * curve(r))) * first * second;
}

/** e^x - 1, right near 0 */
MS_INLINE Lanes exponentialLessOne(Lanes x) {
  const Reduced near = reduceNear(within(x, 20.0f));
  const Lanes less = near.r + near.r * near.r * curve(near.r);
  const Lanes value = absolute(x) < 20.0f ? near.scale * less + (near.scale - 1.0f) : exponential(x) - 1.0f;
  return x == 0.0f ? x : value;
}

/** 1 / (1 + e^-x) */
MS_INLINE Lanes logistic(Lanes x) {
  const Lanes e = exponential(-absolute(x));
  return (x >= 0.0f ? all(1.0f) : e) / (1.0f + e);
}

/** 1 + e^-x, by which a gate divides. Below -28, where that is 1.4e12, it stays: products of three of them are floats. */
MS_INLINE Lanes logisticUnder(Lanes x) {
  const Reduced reduced = reduceNear(-within(x, 28.0f));
  const Lanes r = reduced.r;
  return 1.0f + reduced.scale * (1.0f + r * (1.0f + r * curve(r)));
}

/** A value as over / under. */
struct Ratio {
  Lanes over, under;
};

/** tanh x = (e^2x - 1) / (e^2x + 1). Beyond 10 it is ±1. */
MS_INLINE Ratio tangentRatio(Lanes x) {
  const Lanes near = within(x, 10.0f);
  const Reduced reduced = reduceNear(near + near);
  const Lanes less = reduced.r + reduced.r * reduced.r * curve(reduced.r);
  const Lanes over = reduced.scale * less + (reduced.scale - 1.0f);
  return {over, over + 2.0f};
}

MS_INLINE Lanes hyperbolicTangent(Lanes x) {
  const Ratio ratio = tangentRatio(x);
  return ratio.over / ratio.under;
}

/** ln x for x > 0 and finite; `low` is added to the fraction's logarithm. */
MS_INLINE Lanes logarithmOfPositive(Lanes x, Lanes low) {
  // Numbers below 2^-126 have no full mantissa.
  const Whole small = x < 1.17549435e-38f;
  const Lanes scaled = small ? x * 8388608.0f : x;
  // The fraction f + 1 lies in [√½, √2), so that near 1 the logarithm is that of the fraction alone.
  const Bits bits = (Bits)scaled - 0x3f3504f3u;
  const Lanes n = __builtin_convertvector((Whole)bits >> 23, Lanes) - (small ? all(23.0f) : all(0.0f));
  const Lanes f = (Lanes)((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  // ln(1 + f) = 2 artanh(s) = 2s + 2s³/3 + 2s⁵/5 + ..., and 2s = f - sf.
  const Lanes s = f / (2.0f + f), z = s * s;
  const Lanes rest = z * (0.666666667f + z * (0.4f + z * (0.285714286f + z * 0.222222222f)));
  return n * LN2_HIGH + (f - (s * (f - rest) - (n * LN2_LOW + low)));
}

/** ln x */
MS_INLINE Lanes logarithm(Lanes x) {
  const float infinity = __builtin_inff();
  Lanes value = logarithmOfPositive(x, all(0.0f));
  value = x < infinity ? value : x;
  value = x < 0.0f ? all(__builtin_nanf("")) : value;
  return x == 0.0f ? all(-infinity) : value;
}

/** ln(1 + x), right near 0 */
MS_INLINE Lanes logarithmOnePlus(Lanes x) {
  const float infinity = __builtin_inff();
  const Lanes sum = 1.0f + x;
  // What the sum has lost, to first order; nothing for sums so large that it does not matter.
  const Lanes lost = x < 1.0f ? x - (sum - 1.0f) : 1.0f - (sum - x);
  Lanes value = logarithmOfPositive(sum, lost / sum);
  value = x < infinity ? value : x;
  value = x < -1.0f ? all(__builtin_nanf("")) : value;
  value = x == -1.0f ? all(-infinity) : value;
  return x == 0.0f ? x : value;
}

}  // namespace
}  // namespace MS_ISA
}  // namespace ms
