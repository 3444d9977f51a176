#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/** Columns of one part at most. */
constexpr std::size_t COLUMNS = 1024;

/** One way to make one number of many, in double precision. NaN wins. */
struct Reduction {
  /** results[c] = that of x[r · stride + c] over r < rows, for c < columns <= COLUMNS. */
  void (*part)(const float* x, std::size_t rows, std::size_t stride, std::size_t columns, double* results);
  /** y[c] = scale · that of parts[k · columns + c] over k < count. */
  void (*join)(const double* parts, std::size_t count, std::size_t columns, double scale, float* y);
};

struct Reduce {
  Reduction sum, product, maximum, minimum;
};
MS_TABLE(Reduce, reductions)

}  // namespace ms
