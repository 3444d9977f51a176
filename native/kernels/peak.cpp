#include "peak.h"

namespace ms {
namespace MS_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t LANES = 16;
#elif defined(__AVX__)
constexpr std::size_t LANES = 8;
#else
constexpr std::size_t LANES = 4;
#endif
typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));

/** More than latency times units of the processors we know (4 x 2), and with two constants still within 16 registers. */
constexpr std::size_t CHAINS = 12;

float chains(std::size_t rounds) {
  // Whole vectors only: a lane's address would keep the chains in memory.
  const Vector factor = Vector{} + 0.999f, summand = Vector{} + 0.001f;
  // From 2 on: 1 would stay 1, and the compiler would see it.
  Vector value[CHAINS];
#pragma GCC unroll 12
  for (std::size_t chain = 0; chain < CHAINS; chain++) value[chain] = Vector{} + static_cast<float>(chain + 2);
  for (std::size_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
    for (std::size_t chain = 0; chain < CHAINS; chain++) value[chain] = value[chain] * factor + summand;
  }
  Vector sum = Vector{};
#pragma GCC unroll 12
  for (std::size_t chain = 0; chain < CHAINS; chain++) sum += value[chain];
  float total = 0;
  for (std::size_t lane = 0; lane < LANES; lane++) total += sum[lane];
  return total;
}

}  // namespace

const Peak peak{chains, 2 * LANES * CHAINS};

}  // namespace MS_ISA
}  // namespace ms
