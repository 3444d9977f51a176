#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/** Decay of the moments and what is added to the root. */
struct AdamDecay {
  float beta1, rest1, beta2, rest2, epsilon;
};

struct Adam {
  /**
   * One step for n weights: m' = β1 m + (1 - β1) g, v' = β2 v + (1 - β2) g², w' = w - rates[0] m' / (rates[1] √v' + ε).
   */
  void (*update)(const float* weight, const float* gradient, const float* first, const float* second, const float* rates,
                 float* nextWeight, float* nextFirst, float* nextSecond, std::size_t n, const AdamDecay& decay);
};
MS_TABLE(Adam, adam)

}  // namespace ms
