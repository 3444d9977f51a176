#pragma once
#include <cstdint>

#include "isa.h"

/**
 * Elementary functions of float as plain arithmetic without branches, so that loops over them become vector code. Right to
 * about 2 units in the last place, also at infinities, NaN and numbers too small for a full mantissa.
 *
 * Polynomials were fitted with weights (Lawson's algorithm) for the smallest largest relative error.
 */
namespace ms {
namespace MS_ISA {
namespace {

[[gnu::always_inline]] inline std::uint32_t bitsOf(float x) { return __builtin_bit_cast(std::uint32_t, x); }
[[gnu::always_inline]] inline float floatOf(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

/** 1.5 · 2^23: adding it rounds to a whole number, which then lies in the low bits. */
constexpr float ROUNDING = 12582912.0f;
/** ln 2 in two parts; the high one times a whole number below 2^15 is exact. */
constexpr float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
constexpr float LOG2_E = 1.44269504f;

/** 2^n for -126 <= n <= 127. */
[[gnu::always_inline]] inline float powerOfTwo(std::int32_t n) { return floatOf(static_cast<std::uint32_t>(n + 127) << 23); }

/** x = n ln 2 + r with |r| <= ln 2 / 2, and e^r - 1. */
struct Reduced {
  std::int32_t n;
  float less;
};

[[gnu::always_inline]] inline Reduced reduce(float x) {
  const float shifted = x * LOG2_E + ROUNDING;
  const float whole = shifted - ROUNDING;
  const std::uint32_t n = bitsOf(shifted) - bitsOf(ROUNDING);
  const float r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
  const float q = 0.5f + r * (0.166665122f + r * (0.0416661873f + r * (0.00836959854f + r * 0.00139517174f)));
  return {static_cast<std::int32_t>(n), r + r * r * q};
}

/** e^x */
[[gnu::always_inline]] inline float exponential(float x) {
  // Beyond these the result is 0 or infinite; NaN passes both comparisons.
  float within = x > 89.0f ? 89.0f : x;
  within = within < -104.0f ? -104.0f : within;
  const Reduced reduced = reduce(within);
  // In two steps: 2^128 and 2^-150 are no floats, the products may be. NaN has any n, so it is bounded.
  const std::int32_t n = reduced.n < -150 ? -150 : reduced.n > 129 ? 129 : reduced.n;
  const std::int32_t half = n >> 1;
  return (1.0f + reduced.less) * powerOfTwo(half) * powerOfTwo(n - half);
}

/** e^x - 1, right near 0 */
[[gnu::always_inline]] inline float exponentialLessOne(float x) {
  const float far = exponential(x) - 1.0f;
  const float within = x > 30.0f ? 30.0f : x < -30.0f ? -30.0f : x;
  const Reduced reduced = reduce(within);
  const std::int32_t n = reduced.n < -64 ? -64 : reduced.n > 64 ? 64 : reduced.n;
  const float scale = powerOfTwo(n);
  const float near = scale * reduced.less + (scale - 1.0f);
  const float value = x > -20.0f && x < 20.0f ? near : far;
  return x == 0.0f ? x : value;
}

/** 1 / (1 + e^-x) */
[[gnu::always_inline]] inline float logistic(float x) {
  const float e = exponential(-__builtin_fabsf(x));
  return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

/** A value as over / under, for expressions that need several: a division costs as much as a short polynomial. */
struct Ratio {
  float over, under;
};

/** The parts of e^x for x <= 0; below -87 those of e^-87. */
[[gnu::always_inline]] inline Reduced reduceNegative(float x) { return reduce(x < -87.0f ? -87.0f : x); }

/** 1 / (1 + e^-x), for all x but those so far below 0 that the result is no full float. */
[[gnu::always_inline]] inline Ratio logisticRatio(float x) {
  const Reduced reduced = reduceNegative(-__builtin_fabsf(x));
  const float scale = powerOfTwo(reduced.n), e = scale * reduced.less + scale;
  return {x >= 0.0f ? 1.0f : e, 1.0f + e};
}

/** tanh x = (1 - e) / (1 + e) with e = e^-2x for x >= 0; e - 1 is exact near 0. */
[[gnu::always_inline]] inline Ratio tangentRatio(float x) {
  const float a = __builtin_fabsf(x);
  const Reduced reduced = reduceNegative(-(a + a));
  const float scale = powerOfTwo(reduced.n), less = scale * reduced.less + (scale - 1.0f);
  return {floatOf((bitsOf(less) & 0x7fffffffu) | (bitsOf(x) & 0x80000000u)), 2.0f + less};
}

/** Two values for one division. */
struct Two {
  float first, second;
};
[[gnu::always_inline]] inline Two valuesOf(Ratio a, Ratio b) {
  const float inverse = 1.0f / (a.under * b.under);
  return {a.over * (b.under * inverse), b.over * (a.under * inverse)};
}

[[gnu::always_inline]] inline float productOf(Ratio a, Ratio b) { return (a.over * b.over) / (a.under * b.under); }

[[gnu::always_inline]] inline float hyperbolicTangent(float x) {
  const Ratio ratio = tangentRatio(x);
  return ratio.over / ratio.under;
}

/** ln x for x > 0 and finite; `low` is added to the fraction's logarithm. */
[[gnu::always_inline]] inline float logarithmOfPositive(float x, float low) {
  // Numbers below 2^-126 have no full mantissa.
  const bool small = x < 1.17549435e-38f;
  const float scaled = small ? x * 8388608.0f : x;
  // The fraction f + 1 lies in [√½, √2), so that near 1 the logarithm is that of the fraction alone.
  const std::uint32_t bits = bitsOf(scaled) - 0x3f3504f3u;
  const float n = static_cast<float>(static_cast<std::int32_t>(bits) >> 23) - (small ? 23.0f : 0.0f);
  const float f = floatOf((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  // ln(1 + f) = 2 artanh(s) = 2s + 2s³/3 + 2s⁵/5 + ..., and 2s = f - sf.
  const float s = f / (2.0f + f), z = s * s;
  const float rest = z * (0.666666667f + z * (0.4f + z * (0.285714286f + z * 0.222222222f)));
  return n * LN2_HIGH + (f - (s * (f - rest) - (n * LN2_LOW + low)));
}

/** ln x */
[[gnu::always_inline]] inline float logarithm(float x) {
  const float infinity = __builtin_inff();
  float value = logarithmOfPositive(x, 0.0f);
  value = x < infinity ? value : x;
  value = x < 0.0f ? __builtin_nanf("") : value;
  return x == 0.0f ? -infinity : value;
}

/** ln(1 + x), right near 0 */
[[gnu::always_inline]] inline float logarithmOnePlus(float x) {
  const float infinity = __builtin_inff();
  const float sum = 1.0f + x;
  // What the sum has lost, to first order; nothing for sums so large that it does not matter.
  const float lost = x < 1.0f ? x - (sum - 1.0f) : 1.0f - (sum - x);
  float value = logarithmOfPositive(sum, lost / sum);
  value = x < infinity ? value : x;
  value = x < -1.0f ? __builtin_nanf("") : value;
  value = x == -1.0f ? -infinity : value;
  return x == 0.0f ? x : value;
}

}  // namespace
}  // namespace MS_ISA
}  // namespace ms
