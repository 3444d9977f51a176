#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/**
 * Sizes of one warp (src/ops/warp.ts) and where numbers lie. Maps a are cut into blocks of up to 16 channels; `pixel` and
 * `block` are the floats from one pixel and one block of a sample to the next, the same with `out` for the output, and
 * `outLink` from one link to the next. So one loop serves plain and blocked maps. Flow is plain, [batch, pixels, 2 links].
 */
struct WarpSizes {
  std::size_t height, width, channels, links, blocks;
  std::size_t pixel, block, outPixel, outBlock, outLink;
  double sign;
  /** Coordinates are stretched by these, then shifted back by `shift`. */
  double scaleX, scaleY, shift;
  std::size_t pixels() const { return height * width; }
};

struct Warp {
  /** Rows `begin` .. `end` of [batch, links, height]. */
  void (*forward)(const WarpSizes& sizes, const float* a, const float* flow, float* out, std::size_t begin, std::size_t end);
  /** Blocks `begin` .. `end` of [batch, blocks]: da, and their part of the flow's gradient, [batch, blocks, pixels, 2 links]. */
  void (*backward)(const WarpSizes& sizes, const float* a, const float* flow, const float* dy, float* da, float* parts,
                   std::size_t begin, std::size_t end);
  /** Adds the parts: pixels `begin` .. `end` of [batch, pixels, 2 links]. */
  void (*join)(const WarpSizes& sizes, const float* parts, float* dflow, std::size_t begin, std::size_t end);
};
MS_TABLE(Warp, warp)

}  // namespace ms
