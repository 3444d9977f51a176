#pragma once
#include <cstddef>
#include <cstdint>

namespace ms {

/**
 * A convolution with 3x3 weights at stride 1 on blocked maps, by Winograd's algorithm (kernels/winograd.h has the equations). Channels
 * are multiples of 16. Weights are transformed when they are packed; what one thread works on stays in its second cache. To run on
 * the engine's thread.
 */
struct Winograd {
  /** x as one map or as several whose channels follow each other. */
  struct Source {
    static constexpr std::size_t MOST = 4;
    /** Blocks of channels of each; 0 behind the last. */
    std::size_t blocks[MOST];
    const float* maps[MOST];
  };

  std::size_t batch, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels;
  /** Rows above and columns left of x that the first window sees; below 0 where it begins inside. */
  std::int64_t top, left;

  std::size_t packedFloats() const;
  std::size_t outputScratch() const;
  std::size_t weightsScratch() const;

  /** Weights [3, 3, in, out] -> their transforms. */
  void pack(const float* weights, float* packed) const;
  /** x, packed weights and a bias [out] or null -> y */
  void output(const Source& x, const float* packed, const float* bias, float* y, float* scratch) const;
  /** x, dy -> gradient of the weights, [3, 3, in, out] */
  void weights(const Source& x, const float* dy, float* dw, float* scratch) const;
};

}  // namespace ms
