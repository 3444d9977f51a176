#include "families.h"

namespace ms {

void defineConvolution(napi_env, napi_value) {}

}  // namespace ms
