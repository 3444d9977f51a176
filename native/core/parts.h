#pragma once
#include "program.h"

namespace ms {

/**
 * Lets commands that can do so read the operands of a concatenation where they lie, such as a convolution of x and h, so that nobody
 * lays them one after another. Every number stays the same.
 */
void readParts(Program& program);

}  // namespace ms
