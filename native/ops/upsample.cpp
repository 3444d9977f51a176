#include "../kernels/upsample.h"

#include <vector>

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

/** Floats of the larger map below which one thread is enough. */
constexpr std::size_t GRAIN = 16384;

/** What every output index of one axis reads: position max((i + 1/2) / factor - 1/2, 0), clamped at the end. */
std::vector<Blend> blendsOf(std::size_t size, std::size_t factor) {
  std::vector<Blend> blends(size * factor);
  for (std::size_t i = 0; i < blends.size(); i++) {
    const double exact = (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5, at = exact > 0 ? exact : 0;
    const std::size_t low = static_cast<std::size_t>(at), high = low + 1 < size ? low + 1 : size - 1;
    blends[i] = {low, high, static_cast<float>(at - static_cast<double>(low))};
  }
  return blends;
}

/** The transpose of `blends`: who reads each of `size` input indices, and with what weight. */
struct Axis {
  std::vector<Readers> readers;
  std::vector<float> weights;
};

Axis transposed(const std::vector<Blend>& blends, std::size_t size) {
  Axis axis;
  std::size_t first = 0;
  for (std::size_t index = 0; index < size; index++) {
    while (blends[first].high < index) first++;
    Readers readers{first, 0, axis.weights.size()};
    for (std::size_t i = first; i < blends.size() && blends[i].low <= index; i++, readers.count++) {
      const Blend& blend = blends[i];
      axis.weights.push_back((blend.low == index ? 1 - blend.weight : 0) + (blend.high == index ? blend.weight : 0));
    }
    axis.readers.push_back(readers);
  }
  return axis;
}

/** batch, height, width, channels of the small map, and the factor. */
Upsampling upsamplingOf(Call& call) {
  Upsampling u;
  u.batch = call.count("batch");
  u.height = call.count("height");
  u.width = call.count("width");
  u.channels = call.count("channels");
  u.factor = call.count("factor", 1, 4096);
  return u;
}

std::size_t smallFloats(const Upsampling& u) { return product({u.batch, u.height, u.width, u.channels}); }
std::size_t largeFloats(const Upsampling& u) {
  return product({u.batch, u.height, u.factor, u.width, u.factor, u.channels});
}

/** upsample(x, out, batch, height, width, channels, factor): bilinear, half-pixel centres, clamped edges. */
napi_value upsample(Call& call) {
  const Buffer x = call.buffer("x", 1), out = call.buffer("out", 1);
  const Upsampling u = upsamplingOf(call);
  call.need(x, smallFloats(u), "x");
  call.need(out, largeFloats(u), "out");
  submit({x}, {out}, [u, rows = blendsOf(u.height, u.factor), columns = blendsOf(u.width, u.factor)](float* const* at) {
    const std::size_t row = u.width * u.factor * u.channels;
    parallel(u.batch * u.height * u.factor, GRAIN / row + 1, [&](std::size_t begin, std::size_t end) {
      upsampleKernels().forward(at[0], at[1], u, rows.data(), columns.data(), begin, end);
    });
  });
  return nothing(call.env());
}

/** upsampleGradient(dy, dx, batch, height, width, channels, factor): the transpose of upsample; sizes are dx's. */
napi_value upsampleGradient(Call& call) {
  const Buffer dy = call.buffer("dy", 1), dx = call.buffer("dx", 1);
  const Upsampling u = upsamplingOf(call);
  call.need(dy, largeFloats(u), "dy");
  call.need(dx, smallFloats(u), "dx");
  const Axis rows = transposed(blendsOf(u.height, u.factor), u.height);
  const Axis columns = transposed(blendsOf(u.width, u.factor), u.width);
  submit({dy}, {dx}, [u, rows, columns](float* const* at) {
    const std::size_t row = u.factor * u.factor * u.width * u.channels;
    parallel(u.batch * u.height, GRAIN / row + 1, [&](std::size_t begin, std::size_t end) {
      upsampleKernels().gradient(at[0], at[1], u, rows.readers.data(), rows.weights.data(), columns.readers.data(),
                                 columns.weights.data(), begin, end);
    });
  });
  return nothing(call.env());
}

}  // namespace

void defineUpsample(napi_env env, napi_value exports) {
  define(env, exports, "upsample", upsample);
  define(env, exports, "upsampleGradient", upsampleGradient);
}

}  // namespace ms
