#pragma once
#include <cstddef>

#include "isa.h"

/** Functions of one number; p and q are the function's parameters. NaN passes through all but Sign, as in tfjs. */
#define MS_UNARY(X)                                                                                                    \
  X(Abs) X(Neg) X(Square) X(Sqrt) X(Rsqrt) X(Exp) X(Expm1) X(Log) X(Log1p) X(Sigmoid) X(Tanh) X(Relu) X(Relu6)         \
  X(LeakyRelu) X(Elu) X(Softplus) X(Step) X(Sign) X(Floor) X(Ceil) X(Round) X(Reciprocal) X(Sin) X(Cos) X(Erf)         \
  X(ClipByValue) X(IsNan) X(IsFinite) X(IsInf) X(LogicalNot) X(NotZero)

/** Functions of two numbers. */
#define MS_BINARY(X)                                                                                                   \
  X(Add) X(Sub) X(Multiply) X(RealDiv) X(Maximum) X(Minimum) X(SquaredDifference) X(Pow) X(Mod) X(Prelu) X(EluGrad)    \
  X(Equal) X(NotEqual) X(Less) X(LessEqual) X(Greater) X(GreaterEqual) X(LogicalAnd) X(LogicalOr)

namespace ms {

#define MS_NAME(name) name,
enum class UnaryName { MS_UNARY(MS_NAME) COUNT };
enum class BinaryName { MS_BINARY(MS_NAME) COUNT };
#undef MS_NAME

/** y[i] = f(x[i]) */
using Unary = void (*)(const float* x, float* y, std::size_t n, float p, float q);
/** y[i] = f(a[i], b[i]); where a or b is `fixed`, always its first number. */
using Binary = void (*)(const float* a, bool aFixed, const float* b, bool bFixed, float* y, std::size_t n);

struct Elementwise {
  Unary unary[static_cast<int>(UnaryName::COUNT)];
  Binary binary[static_cast<int>(BinaryName::COUNT)];
  /** y[i] = condition[i / inner] is 1 ? a[i] : b[i] for i in begin .. end. */
  void (*select)(const float* condition, const float* a, const float* b, float* y, std::size_t inner, std::size_t begin,
                 std::size_t end);
  /** y[i] = 0 + x[0][i] + x[1][i] + ... for i in begin .. end, in this order. */
  void (*addAll)(const float* const* x, std::size_t count, float* y, std::size_t begin, std::size_t end);
  void (*fill)(float* y, std::size_t n, float value);
};
MS_TABLE(Elementwise, elementwise)

}  // namespace ms
