#pragma once
#include <cstddef>
#include <cstdint>

#include "isa.h"

namespace ms {

/** Most axes of a strided copy: tiling takes two for each axis of a tensor, and tensors have at most six. */
constexpr std::size_t AXES = 12;

/** Element [i, j, ...] of a contiguous result lies at x[offset + Σ index · stride]; strides may be 0 or negative. */
struct Strided {
  std::size_t rank;
  std::int64_t offset;
  std::size_t shape[AXES];
  std::int64_t strides[AXES];
};

struct ShapeKernels {
  /** Fills floats `begin` .. `end` of the result. */
  void (*copy)(const float* x, float* out, const Strided& from, std::size_t begin, std::size_t end);
  /**
   * Fills units `begin` .. `end` of the result, in tiles, where x is contiguous along `axis` and the result along the last
   * one. A unit is one index of all other axes and TILE indices of `axis`.
   */
  void (*transpose)(const float* x, float* out, const Strided& from, std::size_t axis, std::size_t begin, std::size_t end);
};
MS_TABLE(ShapeKernels, shapeKernels)

/** Side of the square tiles of a transposition. */
constexpr std::size_t TILE = 16;

}  // namespace ms
