#pragma once
#include <cstddef>
#include <cstdint>
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "isa.h"

/**
 * As many floats as one register of the instruction set holds, for what the compiler does not make of plain loops well
 * enough. The compiler's own vector types have arithmetic, comparisons and `?:`, lane by lane; the rest is here.
 */
namespace ms {
namespace MS_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t WIDTH = 16;
#elif defined(__AVX2__)
constexpr std::size_t WIDTH = 8;
#else
constexpr std::size_t WIDTH = 4;
#endif

typedef float Lanes __attribute__((vector_size(4 * WIDTH)));
typedef std::int32_t Whole __attribute__((vector_size(4 * WIDTH)));
typedef std::uint32_t Bits __attribute__((vector_size(4 * WIDTH)));

#define MS_INLINE [[gnu::always_inline]] static inline

MS_INLINE Lanes all(float x) {
#if defined(__AVX512F__)
  return (Lanes)_mm512_set1_ps(x);
#elif defined(__AVX2__)
  return (Lanes)_mm256_set1_ps(x);
#else
  return Lanes{x, x, x, x};
#endif
}

/** a < b ? a : b, so b where one of them is NaN. One instruction where comparing and selecting are two. */
MS_INLINE Lanes smaller(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  // GCC 12 warns of its own header at the function without a mask.
  return (Lanes)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Lanes)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return a < b ? a : b;
#endif
}

/** a > b ? a : b, so b where one of them is NaN. */
MS_INLINE Lanes larger(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  return (Lanes)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Lanes)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}

/** x within ±limit; NaN where x is. */
MS_INLINE Lanes within(Lanes x, float limit) { return larger(all(-limit), smaller(all(limit), x)); }

MS_INLINE Lanes absolute(Lanes x) { return (Lanes)((Bits)x & 0x7fffffffu); }

/** How a set of lanes lies in memory: all of them there, at any address. */
struct Full {
  typedef Lanes Loose __attribute__((aligned(4), may_alias));
  [[gnu::always_inline]] Lanes load(const float* from) const { return *reinterpret_cast<const Loose*>(from); }
  [[gnu::always_inline]] void store(float* to, Lanes x) const { *reinterpret_cast<Loose*>(to) = x; }
};

/** Only the first `count` there; the others are read as 0. */
struct Partial {
  std::size_t count;
#if defined(__AVX512F__)
  __mmask16 mask() const { return static_cast<__mmask16>((1u << count) - 1); }
  Lanes load(const float* from) const { return (Lanes)_mm512_maskz_loadu_ps(mask(), from); }
  void store(float* to, Lanes x) const { _mm512_mask_storeu_ps(to, mask(), (__m512)x); }
#else
  Lanes load(const float* from) const {
    Lanes x = {};
    for (std::size_t k = 0; k < count; k++) x[k] = from[k];
    return x;
  }
  void store(float* to, Lanes x) const {
    for (std::size_t k = 0; k < count; k++) to[k] = x[k];
  }
#endif
};

/** Calls step(first element, Full or Partial) until n elements are done. */
template <class Step>
MS_INLINE void eachLanes(std::size_t n, const Step& step) {
  std::size_t k = 0;
  for (; k + WIDTH <= n; k += WIDTH) step(k, Full{});
  if (k < n) step(k, Partial{n - k});
}

}  // namespace
}  // namespace MS_ISA
}  // namespace ms
