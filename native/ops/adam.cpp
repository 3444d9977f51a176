#include "../kernels/adam.h"

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

/**
 * adam(weight, gradient, first, second, rates, nextWeight, nextFirst, nextSecond, floats, beta1, beta2, epsilon): one step of
 * Adam. rates: the step size lr / (1 - β1^t) and the root's factor 1 / √(1 - β2^t). The next three are buffers of their own.
 */
napi_value adamStep(Call& call) {
  std::vector<Buffer> reads, writes;
  for (const char* name : {"weight", "gradient", "first", "second"}) reads.push_back(call.buffer(name, 1));
  reads.push_back(call.buffer("rates", 2));
  for (const char* name : {"nextWeight", "nextFirst", "nextSecond"}) writes.push_back(call.buffer(name, 1));
  const std::size_t floats = call.count("floats");
  const char* names[] = {"weight", "gradient", "first", "second"};
  for (std::size_t i = 0; i < 4; i++) call.need(reads[i], floats, names[i]);
  const char* next[] = {"nextWeight", "nextFirst", "nextSecond"};
  for (std::size_t i = 0; i < 3; i++) {
    call.need(writes[i], floats, next[i]);
    for (const Buffer& read : reads) {
      if (read.id == writes[i].id) call.refuse("%s is also an input", next[i]);
    }
    for (std::size_t j = 0; j < i; j++) {
      if (writes[j].id == writes[i].id) call.refuse("%s and %s are one buffer", next[j], next[i]);
    }
  }
  const double beta1 = call.number("beta1"), beta2 = call.number("beta2"), epsilon = call.number("epsilon");
  const AdamDecay decay{static_cast<float>(beta1), static_cast<float>(1 - beta1), static_cast<float>(beta2),
                        static_cast<float>(1 - beta2), static_cast<float>(epsilon)};
  submit(reads, writes, [=](float* const* at) {
    parallel(floats, 16384, [&](std::size_t from, std::size_t to) {
      adam().update(at[0] + from, at[1] + from, at[2] + from, at[3] + from, at[4], at[5] + from, at[6] + from, at[7] + from,
                    to - from, decay);
    });
  });
  return nothing(call.env());
}

}  // namespace

void defineAdam(napi_env env, napi_value exports) { define(env, exports, "adam", adamStep); }

}  // namespace ms
