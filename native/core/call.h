#pragma once
#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "buffers.h"

namespace ms {

/**
 * Arguments of a call from JavaScript, read in order and checked: a wrong one throws an Error that names the function, the
 * argument and what came. Nothing may be queued before all arguments have been read.
 */
class Call {
 public:
  Call(napi_env env, napi_callback_info info, const char* function);

  /** A live buffer of the pool with at least `least` floats. */
  Buffer buffer(const char* name, std::size_t least);
  /** A whole number in `least` .. `most`; by default 1 .. 2^40. */
  std::size_t count(const char* name, std::size_t least = 1, std::size_t most = std::size_t{1} << 40);
  /** A whole number of either sign. */
  std::int64_t integer(const char* name);
  double number(const char* name);
  bool flag(const char* name);
  std::string text(const char* name);
  std::vector<std::size_t> counts(const char* name, std::size_t least = 0);
  std::vector<std::int64_t> integers(const char* name);
  /** Live buffers; their sizes are for the caller to check with `need`. */
  std::vector<Buffer> buffers(const char* name);
  /** A Float32Array; valid during the call. */
  float* floats(const char* name, std::size_t& length);

  /** Throws where a buffer is smaller than a kernel would read or write. */
  void need(const Buffer& buffer, std::size_t least, const char* name) const;
  [[noreturn, gnu::format(printf, 2, 3)]] void refuse(const char* format, ...) const;

  napi_env env() const { return env_; }

 private:
  static constexpr std::size_t MOST = 24;
  napi_value next(const char* name);
  double finite(napi_value value, const char* name) const;
  std::vector<napi_value> array(const char* name);
  Buffer toBuffer(napi_value value, const char* name) const;

  napi_env env_;
  const char* function_;
  napi_value values_[MOST];
  std::size_t given_ = MOST;
  std::size_t read_ = 0;
  std::uint64_t number_;
};

/** Product of sizes; throws where it passes 2^40, before anything can overflow. */
std::size_t product(const std::vector<std::size_t>& sizes);

/** Makes a native function callable from JavaScript: C++ exceptions become JavaScript errors. */
using Function = napi_value (*)(Call&);
void define(napi_env env, napi_value exports, const char* name, Function function);

napi_value toNumber(napi_env env, double value);
napi_value nothing(napi_env env);

}  // namespace ms
