#include "elementwise.h"

#include "math.h"

namespace ms {
namespace MS_ISA {
namespace {

/** One element after another: the compiler makes vector code of the loop. */
#define MS_DEFINE(name, value)                                                                                   \
  struct name {                                                                                                  \
    static constexpr bool TOGETHER = false;                                                                      \
    [[gnu::always_inline]] static inline float at(float x, [[maybe_unused]] float p, [[maybe_unused]] float q) { \
      return value;                                                                                              \
    }                                                                                                            \
  };
/** WIDTH elements together: what uses the functions of math.h. */
#define MS_DEFINE_LANES(name, value)           \
  struct name {                                \
    static constexpr bool TOGETHER = true;     \
    MS_INLINE Lanes at(Lanes x) { return value; } \
  };
#define MS_TRUTH(condition) ((condition) ? 1.0f : 0.0f)

namespace unary {
MS_DEFINE(Abs, __builtin_fabsf(x))
MS_DEFINE(Neg, -x)
MS_DEFINE(Square, x* x)
MS_DEFINE(Sqrt, __builtin_sqrtf(x))
MS_DEFINE(Rsqrt, 1.0f / __builtin_sqrtf(x))
MS_DEFINE_LANES(Exp, exponential(x))
MS_DEFINE_LANES(Expm1, exponentialLessOne(x))
MS_DEFINE_LANES(Log, logarithm(x))
MS_DEFINE_LANES(Log1p, logarithmOnePlus(x))
MS_DEFINE_LANES(Sigmoid, logistic(x))
MS_DEFINE_LANES(Tanh, x == 0.0f ? x : hyperbolicTangent(x))
MS_DEFINE(Relu, x <= 0.0f ? 0.0f : x)
MS_DEFINE(Relu6, x <= 0.0f ? 0.0f : x > 6.0f ? 6.0f : x)
MS_DEFINE(LeakyRelu, x < 0.0f ? p * x : x)
MS_DEFINE_LANES(Elu, x >= 0.0f ? x : exponentialLessOne(x))
// Above 16 the difference of ln(1 + e^x) and x is less than half a unit in the last place.
MS_DEFINE_LANES(Softplus, x > 16.0f ? x : logarithmOnePlus(exponential(x)))
MS_DEFINE(Step, x != x ? x : x > 0.0f ? 1.0f : p)
MS_DEFINE(Sign, x < 0.0f ? -1.0f : MS_TRUTH(x > 0.0f))
MS_DEFINE(Floor, __builtin_floorf(x))
MS_DEFINE(Ceil, __builtin_ceilf(x))
MS_DEFINE(Round, __builtin_rintf(x))
MS_DEFINE(Reciprocal, 1.0f / x)
MS_DEFINE(Sin, __builtin_sinf(x))
MS_DEFINE(Cos, __builtin_cosf(x))
MS_DEFINE(Erf, __builtin_erff(x))
MS_DEFINE(ClipByValue, x > q ? q : x < p ? p : x)
MS_DEFINE(IsNan, MS_TRUTH(x != x))
MS_DEFINE(IsFinite, MS_TRUTH(__builtin_fabsf(x) < __builtin_inff()))
MS_DEFINE(IsInf, MS_TRUTH(__builtin_fabsf(x) == __builtin_inff()))
MS_DEFINE(LogicalNot, MS_TRUTH(x == 0.0f))
MS_DEFINE(NotZero, MS_TRUTH(x != 0.0f))
}  // namespace unary
#undef MS_DEFINE
#undef MS_DEFINE_LANES

/** As in JavaScript, whose 1^NaN and (±1)^±∞ are NaN. */
inline float power(float x, float y) {
  const bool undefined = y != y || (__builtin_fabsf(x) == 1.0f && __builtin_fabsf(y) == __builtin_inff());
  return undefined ? __builtin_nanf("") : __builtin_powf(x, y);
}

/** The remainder with the divisor's sign. In double, as tfjs has it. */
inline float modulo(float x, float y) {
  const double remainder = __builtin_fmod(x, y);
  if ((x < 0.0f && y < 0.0f) || (x >= 0.0f && y >= 0.0f)) return static_cast<float>(remainder);
  return static_cast<float>(__builtin_fmod(remainder + y, y));
}

#define MS_DEFINE(name, value)                                                             \
  struct name {                                                                            \
    [[gnu::always_inline]] static inline float at(float a, float b) { return value; }      \
  };

namespace binary {
MS_DEFINE(Add, a + b)
MS_DEFINE(Sub, a - b)
MS_DEFINE(Multiply, a* b)
MS_DEFINE(RealDiv, a / b)
MS_DEFINE(Maximum, a != a ? a : a > b ? a : b)
MS_DEFINE(Minimum, a != a ? a : a < b ? a : b)
MS_DEFINE(SquaredDifference, (a - b) * (a - b))
MS_DEFINE(Pow, power(a, b))
MS_DEFINE(Mod, modulo(a, b))
MS_DEFINE(Prelu, a < 0.0f ? b * a : a)
MS_DEFINE(EluGrad, b >= 0.0f ? a : a * (b + 1.0f))
MS_DEFINE(Equal, MS_TRUTH(a == b))
MS_DEFINE(NotEqual, MS_TRUTH(a != b))
MS_DEFINE(Less, MS_TRUTH(a < b))
MS_DEFINE(LessEqual, MS_TRUTH(a <= b))
MS_DEFINE(Greater, MS_TRUTH(a > b))
MS_DEFINE(GreaterEqual, MS_TRUTH(a >= b))
MS_DEFINE(LogicalAnd, MS_TRUTH((a != 0.0f) & (b != 0.0f)))
MS_DEFINE(LogicalOr, MS_TRUTH((a != 0.0f) | (b != 0.0f)))
}  // namespace binary
#undef MS_DEFINE

// What is written may lie exactly where an operand is; without ivdep such loops go one element at a time.
template <class Function>
void each(const float* x, float* y, std::size_t n, [[maybe_unused]] float p, [[maybe_unused]] float q) {
  if constexpr (Function::TOGETHER) {
    eachLanes(n, [=](std::size_t i, auto lanes) { lanes.store(y + i, Function::at(lanes.load(x + i))); });
  } else {
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; i++) y[i] = Function::at(x[i], p, q);
  }
}

template <class Function>
void pairs(const float* a, bool aFixed, const float* b, bool bFixed, float* y, std::size_t n) {
  if (aFixed) {
    const float fixed = *a;
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; i++) y[i] = Function::at(fixed, b[i]);
  } else if (bFixed) {
    const float fixed = *b;
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; i++) y[i] = Function::at(a[i], fixed);
  } else {
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; i++) y[i] = Function::at(a[i], b[i]);
  }
}

void select(const float* condition, const float* a, const float* b, float* y, std::size_t inner, std::size_t begin,
            std::size_t end) {
  if (inner == 1) {
#pragma GCC ivdep
    for (std::size_t i = begin; i < end; i++) {
      const float yes = a[i], no = b[i];
      y[i] = condition[i] == 1.0f ? yes : no;
    }
    return;
  }
  for (std::size_t i = begin; i < end;) {
    const std::size_t row = i / inner, rowEnd = (row + 1) * inner, stop = rowEnd < end ? rowEnd : end;
    const float* from = condition[row] == 1.0f ? a : b;
    for (; i < stop; i++) y[i] = from[i];
  }
}

void addAll(const float* const* x, std::size_t count, float* y, std::size_t begin, std::size_t end) {
  // The sum of a tile stays in the cache and is written at the end: it may lie where an operand is.
  constexpr std::size_t TILE = 1024;
  float sum[TILE];
  for (std::size_t from = begin; from < end; from += TILE) {
    const std::size_t n = end - from < TILE ? end - from : TILE;
    const float* first = x[0] + from;
    for (std::size_t i = 0; i < n; i++) sum[i] = 0.0f + first[i];
    for (std::size_t which = 1; which < count; which++) {
      const float* next = x[which] + from;
      for (std::size_t i = 0; i < n; i++) sum[i] += next[i];
    }
    __builtin_memcpy(y + from, sum, n * sizeof(float));
  }
}

void fill(float* y, std::size_t n, float value) {
  for (std::size_t i = 0; i < n; i++) y[i] = value;
}

}  // namespace

#define MS_EACH(name) each<unary::name>,
#define MS_PAIRS(name) pairs<binary::name>,
const Elementwise elementwise{{MS_UNARY(MS_EACH)}, {MS_BINARY(MS_PAIRS)}, select, addAll, fill};

}  // namespace MS_ISA
}  // namespace ms
