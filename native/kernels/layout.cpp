#include "layout.h"

namespace ms {
namespace MS_ISA {
namespace {

void block(const float* plain, float* blocked, std::size_t pixels, std::size_t channels, std::size_t begin,
           std::size_t end) {
  const std::size_t blocks = (channels + BLOCK - 1) / BLOCK;
  std::size_t pixel = begin % pixels, which = begin / pixels % blocks, sample = begin / pixels / blocks;
  for (std::size_t row = begin; row < end; row++) {
    const float* from = plain + (sample * pixels + pixel) * channels + which * BLOCK;
    float* to = blocked + row * BLOCK;
    const std::size_t left = channels - which * BLOCK;
    if (left >= BLOCK) {
      for (std::size_t lane = 0; lane < BLOCK; lane++) to[lane] = from[lane];
    } else {
      for (std::size_t lane = 0; lane < left; lane++) to[lane] = from[lane];
      for (std::size_t lane = left; lane < BLOCK; lane++) to[lane] = 0;
    }
    if (++pixel == pixels) {
      pixel = 0;
      if (++which == blocks) {
        which = 0;
        sample++;
      }
    }
  }
}

void unblock(const float* blocked, float* plain, std::size_t pixels, std::size_t channels, std::size_t begin,
             std::size_t end) {
  const std::size_t blocks = (channels + BLOCK - 1) / BLOCK;
  for (std::size_t row = begin; row < end; row++) {
    const std::size_t sample = row / pixels, pixel = row % pixels;
    float* to = plain + row * channels;
    for (std::size_t which = 0; which < blocks; which++) {
      const float* from = blocked + ((sample * blocks + which) * pixels + pixel) * BLOCK;
      const std::size_t left = channels - which * BLOCK;
      if (left >= BLOCK) {
        for (std::size_t lane = 0; lane < BLOCK; lane++) to[which * BLOCK + lane] = from[lane];
      } else {
        for (std::size_t lane = 0; lane < left; lane++) to[which * BLOCK + lane] = from[lane];
      }
    }
  }
}

void narrow(const float* from, std::uint16_t* to, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; i++) {
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, from[i]);
    const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    // Rounding up could make infinity of NaN.
    to[i] = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
  }
}

}  // namespace

const Layout layout{block, unblock, narrow};

}  // namespace MS_ISA
}  // namespace ms
