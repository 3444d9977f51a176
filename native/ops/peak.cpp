#include "families.h"

namespace ms {

void definePeak(napi_env, napi_value) {}

}  // namespace ms
