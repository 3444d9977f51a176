#include "families.h"

namespace ms {

void defineShape(napi_env, napi_value) {}

}  // namespace ms
