#pragma once
#include "program.h"

namespace ms {

/**
 * Computes gradients of one convolution's weights at several time steps as one of a larger batch, where only their sum is
 * wanted: the transformations of weights then happen once. Their operands are laid one after another.
 */
void join(Program& program);

}  // namespace ms
