#include "adam.h"

namespace ms {
namespace MS_ISA {
namespace {

void update(const float* weight, const float* gradient, const float* first, const float* second, const float* rates,
            float* __restrict nextWeight, float* __restrict nextFirst, float* __restrict nextSecond, std::size_t n,
            const AdamDecay& decay) {
  const AdamDecay d = decay;
  const float step = rates[0], root = rates[1];
  for (std::size_t i = 0; i < n; i++) {
    const float g = gradient[i];
    const float m = first[i] * d.beta1 + g * d.rest1;
    const float v = second[i] * d.beta2 + g * g * d.rest2;
    nextFirst[i] = m;
    nextSecond[i] = v;
    nextWeight[i] = weight[i] - m / (__builtin_sqrtf(v) * root + d.epsilon) * step;
  }
}

}  // namespace

const Adam adam{update};

}  // namespace MS_ISA
}  // namespace ms
