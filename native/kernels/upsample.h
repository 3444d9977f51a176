#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/** Bilinear up-sampling of maps [batch, height, width, channels] by a whole factor: half-pixel centres, clamped edges. */
struct Upsampling {
  std::size_t batch, height, width, channels, factor;
};

/** What one output index along an axis reads: (1 - weight) · x[low] + weight · x[high]. */
struct Blend {
  std::size_t low, high;
  float weight;
};

/** Which output indices read an input index along an axis; their weights lie at `weights`. */
struct Readers {
  std::size_t first, count, weights;
};

struct UpsampleKernels {
  /** Rows `begin` .. `end` of the result's [batch, height · factor]. */
  void (*forward)(const float* x, float* out, const Upsampling& u, const Blend* rows, const Blend* columns,
                  std::size_t begin, std::size_t end);
  /** Rows `begin` .. `end` of the gradient's [batch, height]: what was read is gathered from its readers. */
  void (*gradient)(const float* dy, float* dx, const Upsampling& u, const Readers* rows, const float* rowWeights,
                   const Readers* columns, const float* columnWeights, std::size_t begin, std::size_t end);
};
MS_TABLE(UpsampleKernels, upsampleKernels)

}  // namespace ms
