#include <node_api.h>
#include <unistd.h>

#include <cstdlib>
#include <dnnl.hpp>
#include <string>
#include <thread>

#include "core/error.h"
#include "core/later.h"
#include "core/worker.h"
#include "kernels/isa.h"
#include "ops/families.h"

namespace ms {
namespace {

/** MS_RNN_THREADS, else every core. */
int threads() {
  const int cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  const char* wish = std::getenv("MS_RNN_THREADS");
  if (!wish || !*wish) return cores;
  char* end = nullptr;
  const long value = std::strtol(wish, &end, 10);
  if (*end || value < 1 || value > 1024) fail("MS_RNN_THREADS is %s, expected a whole number from 1 to 1024", wish);
  return static_cast<int>(value);
}

void text(napi_env env, napi_value exports, const char* name, const std::string& value) {
  napi_value result;
  napi_create_string_utf8(env, value.c_str(), value.size(), &result);
  napi_set_named_property(env, exports, name, result);
}

napi_value start(napi_env env, napi_value exports) {
  static bool started = false;
  try {
    if (started) fail("the engine belongs to the thread that loaded it first");
    started = true;
    startWorker(threads());
    startLater(env);
    napi_add_env_cleanup_hook(env, [](void*) { stopWorker(); }, nullptr);
    for (const auto family : {defineMemory, defineLayout, defineConvolution, defineMatMul, defineElementwise, defineReduce, defineShape,
                              definePool, defineUpsample, defineWarp, defineKernelParts, defineAttention, defineGates, defineAdam, defineProgram, definePeak}) {
      family(env, exports);
    }
    const dnnl_version_t* version = dnnl_version();
    text(env, exports, "version",
         std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch));
    const auto best = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    const auto half = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
    napi_value bf16;
    napi_get_boolean(env, isa() == Isa::avx512 && (best & half) == half, &bf16);
    napi_set_named_property(env, exports, "bf16", bf16);
    text(env, exports, "isa", isa() == Isa::avx512 ? "avx512" : isa() == Isa::avx2 ? "avx2" : "generic");
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, (std::string("onednn: ") + error.what()).c_str());
  }
  return exports;
}

}  // namespace
}  // namespace ms

NAPI_MODULE_INIT() { return ms::start(env, exports); }
