#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/** The fastest arithmetic the processor has: what shares of the peak in benchmarks refer to. */
struct Peak {
  /** Independent chains of multiply-adds, `rounds` long. Returns a number that depends on all of them. */
  float (*chains)(std::size_t rounds);
  /** Floating-point operations of one round; a multiply-add counts as two. */
  std::size_t operations;
};
MS_TABLE(Peak, peak)

}  // namespace ms
