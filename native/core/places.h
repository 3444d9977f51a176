#pragma once
#include "program.h"

namespace ms {

/** Gives every value a place in the program's memory for as long as it is needed, and finds out how much that takes. */
void assignPlaces(Program& program);

}  // namespace ms
