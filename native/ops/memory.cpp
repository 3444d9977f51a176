#include <cstring>
#include <memory>
#include <vector>

#include "../core/call.h"
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
  release(call.buffer("buffer", 0).id);
  return nothing(call.env());
}

/** write(buffer, values: Float32Array): fills the first values.length floats. The array may be changed right afterwards. */
napi_value write(Call& call) {
  const Buffer buffer = call.buffer("buffer", 0);
  std::size_t length = 0;
  const float* values = call.floats("values", length);
  call.need(buffer, length, "buffer");
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
  drain();
  std::memcpy(into, buffer.data, length * sizeof(float));
  return nothing(call.env());
}

struct Reading {
  napi_deferred promise;
  std::vector<float> values;
};

napi_threadsafe_function arrival = nullptr;
std::size_t underWay = 0;

void deliver(napi_env env, napi_value, void*, void* data) {
  Reading* reading = static_cast<Reading*>(data);
  if (env) {
    napi_value buffer, values;
    void* bytes = nullptr;
    const std::size_t size = reading->values.size() * sizeof(float);
    napi_create_arraybuffer(env, size, &bytes, &buffer);
    try {
      rethrowFailure();
      std::memcpy(bytes, reading->values.data(), size);
      napi_create_typedarray(env, napi_float32_array, reading->values.size(), buffer, 0, &values);
      napi_resolve_deferred(env, reading->promise, values);
    } catch (const std::exception& error) {
      napi_value text, failure;
      napi_create_string_utf8(env, error.what(), NAPI_AUTO_LENGTH, &text);
      napi_create_error(env, nullptr, text, &failure);
      napi_reject_deferred(env, reading->promise, failure);
    }
    if (--underWay == 0) napi_unref_threadsafe_function(env, arrival);
  }
  delete reading;
}

/** readLater(buffer, floats) -> Promise<Float32Array> of the content after all commands queued so far. */
napi_value readLater(Call& call) {
  const Buffer buffer = call.buffer("buffer", 1);
  const std::size_t floats = call.count("floats");
  call.need(buffer, floats, "buffer");
  const napi_env env = call.env();
  napi_value promise;
  Reading* reading = new Reading;
  napi_create_promise(env, &reading->promise, &promise);
  if (underWay++ == 0) napi_ref_threadsafe_function(env, arrival);
  // The last step of the command's life is to hand over: also where it was left out because an earlier one failed.
  struct HandOver {
    Reading* reading;
    explicit HandOver(Reading* what) : reading(what) {}
    HandOver(const HandOver&) = delete;
    HandOver& operator=(const HandOver&) = delete;
    ~HandOver() { napi_call_threadsafe_function(arrival, reading, napi_tsfn_nonblocking); }
  };
  submit({buffer}, {}, [reading, floats, hand = std::make_shared<HandOver>(reading)](float* const* at) {
    reading->values.assign(at[0], at[0] + floats);
  });
  return promise;
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
  napi_value name;
  napi_create_string_utf8(env, "ms-rnn readLater", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, deliver, &arrival);
  napi_unref_threadsafe_function(env, arrival);
  define(env, exports, "allocate", allocateBuffer);
  define(env, exports, "release", releaseBuffer);
  define(env, exports, "write", write);
  define(env, exports, "read", read);
  define(env, exports, "readLater", readLater);
  define(env, exports, "finish", finish);
  define(env, exports, "state", state);
}

}  // namespace ms
