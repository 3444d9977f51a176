#pragma once
#include <cstddef>
#include <cstdint>

#include "isa.h"

namespace ms {

/** Channels of one block of the layout nChw16c: [batch, ceil(channels / 16), pixels, 16]. */
constexpr std::size_t BLOCK = 16;

struct Layout {
  /** Plain [batch, pixels, channels] to blocked; rows `begin` .. `end` of [batch, blocks, pixels] are written. */
  void (*block)(const float* plain, float* blocked, std::size_t pixels, std::size_t channels, std::size_t begin,
                std::size_t end);
  /** Blocked to plain; rows `begin` .. `end` of [batch, pixels] are written. */
  void (*unblock)(const float* blocked, float* plain, std::size_t pixels, std::size_t channels, std::size_t begin,
                  std::size_t end);
  /** float to bfloat16, to the nearest, ties to even. */
  void (*narrow)(const float* from, std::uint16_t* to, std::size_t begin, std::size_t end);
};
MS_TABLE(Layout, layout)

}  // namespace ms
