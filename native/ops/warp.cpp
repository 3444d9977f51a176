#include "families.h"

namespace ms {

void defineWarp(napi_env, napi_value) {}

}  // namespace ms
