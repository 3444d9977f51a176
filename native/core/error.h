#pragma once
#include <cstdarg>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace ms {

/** A wrong call or a failure; becomes a JavaScript Error of one line. */
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** Throws an Error with a formatted message: what was expected, what came, where. */
[[noreturn, gnu::format(printf, 1, 2)]] inline void fail(const char* format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  throw Error(text);
}

}  // namespace ms
