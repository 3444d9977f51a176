#pragma once
#include <node_api.h>

#include <functional>
#include <vector>

#include "worker.h"

namespace ms {

/** Called once on the JavaScript thread before any other function here. */
void startLater(napi_env env);

/**
 * Queues a command and gives a promise of what `result` makes, on the JavaScript thread, after it has run. Rejected with
 * what the command or an earlier failed one threw.
 */
napi_value later(napi_env env, const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, Run run,
                 std::function<napi_value(napi_env)> result);

}  // namespace ms
