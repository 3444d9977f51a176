#include "families.h"

namespace ms {

void defineReduce(napi_env, napi_value) {}

}  // namespace ms
