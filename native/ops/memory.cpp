#include <cstring>
#include <memory>
#include <vector>

#include "../core/call.h"
#include "../core/error.h"
#include "../core/later.h"
#include "../core/recording.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

/** allocate(floats) -> buffer */
napi_value allocateBuffer(Call& call) {
  return toNumber(call.env(), allocate(call.count("floats", 0)).id);
}

/** release(buffer): ends the buffer's life; commands that were queued before still use it. */
napi_value releaseBuffer(Call& call) {
  release(static_cast<std::uint32_t>(call.count("buffer", 0, 0xffffffff)));
  return nothing(call.env());
}

/** write(buffer, values: Float32Array): fills the first values.length floats. The array may be changed right afterwards. */
napi_value write(Call& call) {
  const Buffer buffer = call.buffer("buffer", 0);
  std::size_t length = 0;
  const float* values = call.floats("values", length);
  call.need(buffer, length, "buffer");
  if (length == 0) return nothing(call.env());
  if (isRecording()) {
    recordConstant(buffer, values, length);
    return nothing(call.env());
  }
  submit({}, {buffer}, [copy = std::vector<float>(values, values + length)](float* const* at) {
    std::memcpy(at[0], copy.data(), copy.size() * sizeof(float));
  });
  return nothing(call.env());
}

/** read(buffer, into: Float32Array): waits for all queued commands, then copies into.length floats. */
napi_value read(Call& call) {
  const Buffer buffer = call.buffer("buffer", 0);
  std::size_t length = 0;
  float* into = call.floats("into", length);
  call.need(buffer, length, "buffer");
  if (isRecording()) fail("numbers were asked for while recording");
  drain();
  if (length == 0) return nothing(call.env());
  std::memcpy(into, buffer.data, length * sizeof(float));
  return nothing(call.env());
}

/** readLater(buffer, floats) -> Promise<Float32Array> of the content after all commands queued so far. */
napi_value readLater(Call& call) {
  const Buffer buffer = call.buffer("buffer", 1);
  const std::size_t floats = call.count("floats");
  call.need(buffer, floats, "buffer");
  const napi_env env = call.env();
  if (isRecording()) fail("numbers were asked for while recording");
  const auto values = std::make_shared<std::vector<float>>(floats);
  const auto copy = [values](float* const* at) { std::memcpy(values->data(), at[0], values->size() * sizeof(float)); };
  return later(env, {buffer}, {}, copy, [values](napi_env where) {
    napi_value bytes, result;
    void* data = nullptr;
    napi_create_arraybuffer(where, values->size() * sizeof(float), &data, &bytes);
    std::memcpy(data, values->data(), values->size() * sizeof(float));
    napi_create_typedarray(where, napi_float32_array, values->size(), bytes, 0, &result);
    return result;
  });
}

/** finish(): waits for all queued commands. */
napi_value finish(Call& call) {
  drain();
  return nothing(call.env());
}

/** state() -> {usedBytes, freeBytes, buffers, threads} */
napi_value state(Call& call) {
  const PoolState pool = poolState();
  napi_value result;
  napi_create_object(call.env(), &result);
  const auto set = [&](const char* name, double value) {
    napi_set_named_property(call.env(), result, name, toNumber(call.env(), value));
  };
  set("usedBytes", static_cast<double>(pool.usedBytes));
  set("freeBytes", static_cast<double>(pool.freeBytes));
  set("buffers", static_cast<double>(pool.buffers));
  set("threads", teamSize());
  return result;
}

}  // namespace

void defineMemory(napi_env env, napi_value exports) {
  define(env, exports, "allocate", allocateBuffer);
  define(env, exports, "release", releaseBuffer);
  define(env, exports, "write", write);
  define(env, exports, "read", read);
  define(env, exports, "readLater", readLater);
  define(env, exports, "finish", finish);
  define(env, exports, "state", state);
}

}  // namespace ms
