#pragma once
#include <cstddef>
#include <cstdint>

#include "isa.h"

namespace ms {

/** Pooling of maps [batch, inHeight, inWidth, channels]; windows are clipped to the map, and may lie outside it. */
struct Pooling {
  std::size_t batch, inHeight, inWidth, channels;
  std::size_t outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, padTop, padLeft;
};

struct PoolKernels {
  /** Rows `begin` .. `end` of [batch, outHeight]. A window of NaN, or an empty one, gives -Infinity, as in tfjs. */
  void (*max)(const float* x, float* out, const Pooling& p, std::size_t begin, std::size_t end);
  /** Rows `begin` .. `end` of [batch, outHeight]: means over the part of the window inside the map; 0/0 where it is empty. */
  void (*average)(const float* x, float* out, const Pooling& p, std::size_t begin, std::size_t end);
  /**
   * Adds dy of windows `begin` .. `end` of [batch, outHeight] to the first largest entry of each in row order; none where
   * all entries are NaN. dx must be 0 before; or, without `add`, the windows' entries are written, whatever they were.
   */
  void (*maxGradient)(const float* dy, const float* x, float* dx, const Pooling& p, bool add, std::size_t begin,
                      std::size_t end);
  /** Adds dy / (filterHeight · filterWidth) to every entry of the windows. dx must be 0 before. */
  void (*averageGradient)(const float* dy, float* dx, const Pooling& p, std::size_t begin, std::size_t end);
};
MS_TABLE(PoolKernels, poolKernels)

}  // namespace ms
