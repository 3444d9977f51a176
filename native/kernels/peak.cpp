#include "peak.h"

#include "lanes.h"

namespace ms {
namespace MS_ISA {
namespace {

/** More than latency times units of the processors we know (4 x 2), and with two constants still within 16 registers. */
constexpr std::size_t CHAINS = 12;

float chains(std::size_t rounds) {
  // Whole vectors only: a lane's address would keep the chains in memory.
  const Lanes factor = Lanes{} + 0.999f, summand = Lanes{} + 0.001f;
  // From 2 on: 1 would stay 1, and the compiler would see it.
  Lanes value[CHAINS];
#pragma GCC unroll 12
  for (std::size_t chain = 0; chain < CHAINS; chain++) value[chain] = Lanes{} + static_cast<float>(chain + 2);
  for (std::size_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
    for (std::size_t chain = 0; chain < CHAINS; chain++) value[chain] = value[chain] * factor + summand;
  }
  Lanes sum = Lanes{};
#pragma GCC unroll 12
  for (std::size_t chain = 0; chain < CHAINS; chain++) sum += value[chain];
  float total = 0;
  for (std::size_t lane = 0; lane < WIDTH; lane++) total += sum[lane];
  return total;
}

}  // namespace

const Peak peak{chains, 2 * WIDTH * CHAINS};

}  // namespace MS_ISA
}  // namespace ms
