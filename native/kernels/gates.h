#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/**
 * Rows of a fused gate operation. A state is [outer, inner], its pre-activations are [outer, gates, inner]: plain feature
 * maps have a row per pixel and inner = channels, blocked ones (channels a multiple of 16) a row per sample and
 * inner = channels · pixels. Elements `begin` .. `end` of [outer, inner] are computed.
 */
struct Part {
  std::size_t inner, begin, end;
};

/** What the functions compute is defined in src/ops/gates.ts. */
struct Gates {
  void (*lstm)(const float* z, const float* c, float* h, float* next, Part part);
  void (*lstmGradient)(const float* z, const float* c, const float* dh, const float* dNext, float* dz, float* dc, Part part);

  /** `output` is null where z has three gates; with four it gets the fourth. `squash`: tanh(m) is kept, not m. */
  void (*memory)(const float* z, const float* m, float* next, float* output, bool squash, bool forget, Part part);
  void (*memoryGradient)(const float* z, const float* m, const float* dNext, const float* dOutput, float* dz, float* dm,
                         bool squash, bool forget, Part part);

  /** Element by element, in any form; `squash`: the gate is tanh, else the logistic function. */
  void (*output)(const float* o, const float* u, float* h, bool squash, std::size_t begin, std::size_t end);
  void (*outputGradient)(const float* o, const float* u, const float* dh, float* dO, float* du, bool squash,
                         std::size_t begin, std::size_t end);

  /** `leaky`: of that slope below 0, else tanh. */
  void (*gru)(const float* zx, const float* zh, const float* h, float* next, bool leaky, float slope, Part part);
  void (*gruGradient)(const float* zx, const float* zh, const float* h, const float* dNext, float* dzx, float* dzh, float* dh,
                      bool leaky, float slope, Part part);

  void (*highway)(const float* ps, const float* z, float* next, Part part);
  void (*highwayGradient)(const float* ps, const float* z, const float* dNext, float* dps, float* dz, Part part);
};
MS_TABLE(Gates, gates)

}  // namespace ms
