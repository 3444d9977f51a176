#include "reduce.h"

namespace ms {
namespace MS_ISA {
namespace {

struct Sum {
  static constexpr double START = 0;
  [[gnu::always_inline]] static inline double of(double a, double b) { return a + b; }
};
struct Product {
  static constexpr double START = 1;
  [[gnu::always_inline]] static inline double of(double a, double b) { return a * b; }
};
struct Maximum {
  static constexpr double START = -__builtin_inf();
  [[gnu::always_inline]] static inline double of(double a, double b) { return a != a ? a : a > b ? a : b; }
};
struct Minimum {
  static constexpr double START = __builtin_inf();
  [[gnu::always_inline]] static inline double of(double a, double b) { return a != a ? a : a < b ? a : b; }
};

/** Rows this short are taken several at a time, so that the inner loop is long enough for vectors. */
constexpr std::size_t SHORT = 32, WIDE = 64;

template <class Way>
void part(const float* x, std::size_t rows, std::size_t stride, std::size_t columns, double* results) {
  for (std::size_t c = 0; c < columns; c++) results[c] = Way::START;
  if (columns == stride && columns <= SHORT) {
    double wide[WIDE];
    const std::size_t n = rows * columns;
    std::size_t width = columns;
    while (width * 2 <= WIDE && width * 8 <= n) width *= 2;
    for (std::size_t k = 0; k < width; k++) wide[k] = Way::START;
    std::size_t i = 0;
    for (; i + width <= n; i += width) {
      for (std::size_t k = 0; k < width; k++) wide[k] = Way::of(wide[k], x[i + k]);
    }
    for (std::size_t k = 0; i + k < n; k++) wide[k] = Way::of(wide[k], x[i + k]);
    for (width /= 2; width >= columns; width /= 2) {
      for (std::size_t k = 0; k < width; k++) wide[k] = Way::of(wide[k], wide[k + width]);
    }
    for (std::size_t c = 0; c < columns; c++) results[c] = wide[c];
    return;
  }
  for (std::size_t r = 0; r < rows; r++) {
    const float* row = x + r * stride;
    for (std::size_t c = 0; c < columns; c++) results[c] = Way::of(results[c], row[c]);
  }
}

template <class Way>
void join(const double* parts, std::size_t count, std::size_t columns, double scale, float* y) {
  for (std::size_t c = 0; c < columns; c++) {
    double result = parts[c];
    for (std::size_t k = 1; k < count; k++) result = Way::of(result, parts[k * columns + c]);
    y[c] = static_cast<float>(scale * result);
  }
}

}  // namespace

const Reduce reductions{{part<Sum>, join<Sum>},
                        {part<Product>, join<Product>},
                        {part<Maximum>, join<Maximum>},
                        {part<Minimum>, join<Minimum>}};

}  // namespace MS_ISA
}  // namespace ms
