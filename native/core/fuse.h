#pragma once
#include "program.h"

namespace ms {

/**
 * Makes one command of element-wise commands that follow from each other: it does a tile of elements at a time, and what only
 * its own parts read never leaves the cache. A part moves to a later place only where that keeps no more in memory. The same
 * operations on the same numbers: no bit changes.
 */
void fuse(Program& program);

}  // namespace ms
