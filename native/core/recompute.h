#pragma once
#include "program.h"

namespace ms {

/**
 * What the backward pass reads of the forward pass need not lie in memory in between: values are computed again just before
 * the backward pass first needs them. Always those that cost little; with `steps` all that lies inside a time step. The same
 * commands compute the same numbers.
 */
void recompute(Program& program, bool steps);

}  // namespace ms
