#include "../kernels/peak.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

using Clock = std::chrono::steady_clock;

/** Some 10 µs between two looks at the clock. */
constexpr std::size_t ROUNDS = 4096;

/** What each thread did; as far apart as cache lines. */
struct alignas(64) Done {
  std::size_t calls = 0;
  float value = 0;
};

/**
 * peak(milliseconds) -> GFLOP/s of multiply-adds in registers on all threads of the team, over 1 to 5000 ms. For benchmarks:
 * it waits, unlike other functions.
 */
napi_value measure(Call& call) {
  const std::size_t milliseconds = call.count("milliseconds", 1, 5000);
  const auto done = std::make_shared<std::vector<Done>>(teamSize());
  const auto seconds = std::make_shared<double>(0);
  submit({}, {}, [milliseconds, done, seconds](float* const*) {
    const Clock::time_point started = Clock::now();
    const Clock::time_point until = started + std::chrono::milliseconds(milliseconds);
    parallel(done->size(), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t thread = begin; thread < end; thread++) {
        Done mine;
        do {
          mine.value += peak().chains(ROUNDS);
          mine.calls++;
        } while (Clock::now() < until);
        (*done)[thread] = mine;
      }
    });
    *seconds = std::chrono::duration<double>(Clock::now() - started).count();
  });
  drain();
  double operations = 0;
  for (const Done& thread : *done) {
    // The values converge to 1: what the chains computed is looked at, so that it must be computed.
    if (!std::isfinite(thread.value)) call.refuse("chains of multiply-adds gave %f", static_cast<double>(thread.value));
    operations += static_cast<double>(thread.calls) * ROUNDS * static_cast<double>(peak().operations);
  }
  return toNumber(call.env(), operations / *seconds / 1e9);
}

}  // namespace

void definePeak(napi_env env, napi_value exports) { define(env, exports, "peak", measure); }

}  // namespace ms
