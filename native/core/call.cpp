#include "call.h"

#include <dnnl.hpp>

#include <cmath>
#include <cstdarg>
#include <new>

#include "error.h"

namespace ms {
namespace {

constexpr double LARGEST = 9007199254740991.0;

/** Calls so far. */
std::uint64_t calls = 0;

struct Definition {
  const char* name;
  Function function;
};

napi_value entry(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const Definition* definition = static_cast<const Definition*>(data);
  try {
    Call call(env, info, definition->name);
    return definition->function(call);
  } catch (const dnnl::error& error) {
    const std::string text = std::string("onednn: ") + definition->name + ": " + error.message;
    napi_throw_error(env, nullptr, text.c_str());
  } catch (const std::bad_alloc&) {
    const std::string text = std::string("onednn: ") + definition->name + ": out of memory";
    napi_throw_error(env, nullptr, text.c_str());
  } catch (const std::exception& error) {
    const std::string text = std::string("onednn: ") + definition->name + ": " + error.what();
    napi_throw_error(env, nullptr, text.c_str());
  }
  return nullptr;
}

}  // namespace

Call::Call(napi_env env, napi_callback_info info, const char* function)
    : env_(env), function_(function), number_(++calls) {
  napi_get_cb_info(env, info, &given_, values_, nullptr, nullptr);
  if (given_ > MOST) given_ = MOST;
}

napi_value Call::next(const char* name) {
  if (read_ >= given_) refuse("argument %s is missing", name);
  return values_[read_++];
}

double Call::finite(napi_value value, const char* name) const {
  double number = 0;
  if (napi_get_value_double(env_, value, &number) != napi_ok) refuse("%s is not a number", name);
  return number;
}

Buffer Call::toBuffer(napi_value value, const char* name) const {
  std::uint32_t id = 0;
  if (napi_get_value_uint32(env_, value, &id) != napi_ok) refuse("%s is not a buffer", name);
  return bufferAt(id);
}

Buffer Call::buffer(const char* name, std::size_t least) {
  const Buffer found = toBuffer(next(name), name);
  need(found, least, name);
  return found;
}

void Call::need(const Buffer& buffer, std::size_t least, const char* name) const {
  if (buffer.floats < least) refuse("%s has %zu floats, expected %zu", name, buffer.floats, least);
}

std::size_t Call::count(const char* name, std::size_t least, std::size_t most) {
  const double value = finite(next(name), name);
  if (!(value >= static_cast<double>(least) && value <= static_cast<double>(most)) || value != std::floor(value)) {
    refuse("%s is %g, expected a whole number from %zu to %zu", name, value, least, most);
  }
  return static_cast<std::size_t>(value);
}

std::int64_t Call::integer(const char* name) {
  const double value = finite(next(name), name);
  if (!(std::fabs(value) <= LARGEST) || value != std::floor(value)) refuse("%s is %g, expected a whole number", name, value);
  return static_cast<std::int64_t>(value);
}

double Call::number(const char* name) { return finite(next(name), name); }

bool Call::flag(const char* name) {
  bool value = false;
  if (napi_get_value_bool(env_, next(name), &value) != napi_ok) refuse("%s is not a boolean", name);
  return value;
}

std::string Call::text(const char* name) {
  char text[128];
  std::size_t length = 0;
  if (napi_get_value_string_utf8(env_, next(name), text, sizeof text, &length) != napi_ok) refuse("%s is not a string", name);
  return std::string(text, length);
}

std::vector<napi_value> Call::array(const char* name) {
  const napi_value list = next(name);
  bool isArray = false;
  std::uint32_t length = 0;
  if (napi_is_array(env_, list, &isArray) != napi_ok || !isArray) refuse("%s is not an array", name);
  napi_get_array_length(env_, list, &length);
  if (length > 65536) refuse("%s has %u entries, expected at most 65536", name, length);
  std::vector<napi_value> values(length);
  for (std::uint32_t i = 0; i < length; i++) {
    if (napi_get_element(env_, list, i, &values[i]) != napi_ok) refuse("%s cannot be read", name);
  }
  // A getter could release buffers that were checked before.
  if (calls != number_) refuse("%s calls the engine while it is read", name);
  return values;
}

std::vector<std::size_t> Call::counts(const char* name, std::size_t least) {
  std::vector<std::size_t> result;
  for (const std::int64_t value : integers(name)) {
    if (value < static_cast<std::int64_t>(least) || value > (std::int64_t{1} << 40)) {
      refuse("%s has an entry %lld, expected %zu to 2^40", name, static_cast<long long>(value), least);
    }
    result.push_back(static_cast<std::size_t>(value));
  }
  return result;
}

std::vector<std::int64_t> Call::integers(const char* name) {
  std::vector<std::int64_t> result;
  for (const napi_value entry : array(name)) {
    const double value = finite(entry, name);
    if (!(std::fabs(value) <= LARGEST) || value != std::floor(value)) refuse("%s has an entry %g, expected a whole number", name, value);
    result.push_back(static_cast<std::int64_t>(value));
  }
  return result;
}

std::vector<Buffer> Call::buffers(const char* name) {
  std::vector<Buffer> result;
  for (const napi_value entry : array(name)) result.push_back(toBuffer(entry, name));
  return result;
}

float* Call::floats(const char* name, std::size_t& length) {
  const napi_value value = next(name);
  bool typed = false;
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  napi_value owner;
  std::size_t offset = 0;
  if (napi_is_typedarray(env_, value, &typed) != napi_ok || !typed) refuse("%s is not a Float32Array", name);
  napi_get_typedarray_info(env_, value, &type, &length, &data, &owner, &offset);
  if (type != napi_float32_array) refuse("%s is not a Float32Array", name);
  return static_cast<float*>(data);
}

void Call::refuse(const char* format, ...) const {
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  throw Error(text);
}

std::size_t product(const std::vector<std::size_t>& sizes) {
  constexpr std::size_t most = std::size_t{1} << 40;
  std::size_t result = 1;
  for (const std::size_t size : sizes) {
    if (size == 0) return 0;
    if (result > most / size) fail("sizes multiply to more than 2^40");
    result *= size;
  }
  return result;
}

void define(napi_env env, napi_value exports, const char* name, Function function) {
  // Lives as long as the process, like the function itself.
  Definition* definition = new Definition{name, function};
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, entry, definition, &value);
  napi_set_named_property(env, exports, name, value);
}

napi_value toNumber(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

napi_value nothing(napi_env env) {
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

}  // namespace ms
