#include "families.h"

namespace ms {

void defineAdam(napi_env, napi_value) {}

}  // namespace ms
