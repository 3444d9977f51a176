#include "families.h"

namespace ms {

void defineUpsample(napi_env, napi_value) {}

}  // namespace ms
