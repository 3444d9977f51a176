#include "families.h"

namespace ms {

void definePool(napi_env, napi_value) {}

}  // namespace ms
