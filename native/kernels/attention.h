#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/**
 * Local attention (src/ops/attention.ts) of one sample. Maps lie as planes, one a channel, with zeros around them: pixel (x, y) of a
 * plane is at (y + edge)·row + x + edge. 16 pixels of a row are computed together, a strip; rows are long enough for a strip
 * that begins at the last pixel.
 */
struct AttentionSizes {
  std::size_t height, width, channels, window;
  /** Offsets go from -before to window - 1 - before; no less than what they reach to the other side. */
  std::size_t before() const { return window / 2; }
  std::size_t edge() const { return before(); }
  std::size_t row() const { return width + 2 * edge() + STRIP; }
  std::size_t plane() const { return (height + 2 * edge()) * row(); }
  std::size_t offsets() const { return window * window; }
  static constexpr std::size_t STRIP = 16;
};

/** What the gradient needs to know of each pixel's softmax, as planes. Around the map nobody looks: `level` is infinite there. */
struct AttentionSums {
  float *level, *total, *mean;
};

struct Attention {
  /** Channels `begin` .. `end` of maps [pixels, channels] to planes. */
  void (*spread)(const AttentionSizes& sizes, const float* maps, float* planes, std::size_t begin, std::size_t end);
  /** Strip `strip` of row y: out [pixels, channels], level and total. `scores`: 2 · offsets · STRIP floats of scratch. */
  void (*forward)(const AttentionSizes& sizes, const float* q, const float* k, const float* v, float* out,
                  const AttentionSums& sums, float* scores, std::size_t y, std::size_t strip);
  /** The strip as queries: dq, and mean. */
  void (*queries)(const AttentionSizes& sizes, const float* q, const float* k, const float* v, const float* dy, float* dq,
                  const AttentionSums& sums, float* scores, std::size_t y, std::size_t strip);
  /** The strip as keys: dk and dv; after `queries` of all strips. */
  void (*keys)(const AttentionSizes& sizes, const float* q, const float* k, const float* v, const float* dy, float* dk,
               float* dv, const AttentionSums& sums, float* scores, std::size_t y, std::size_t strip);
};
MS_TABLE(Attention, attention)

}  // namespace ms
