#include "../kernels/attention.h"

#include <limits>
#include <vector>

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

struct Maps {
  AttentionSizes sizes;
  std::size_t batch;
  std::size_t pixels() const { return sizes.height * sizes.width; }
  std::size_t floats() const { return pixels() * sizes.channels; }
  std::size_t planes() const { return sizes.channels * sizes.plane(); }
};

/** batch, height, width, channels, window */
Maps mapsOf(Call& call) {
  constexpr std::size_t side = std::size_t{1} << 16;
  Maps maps{};
  maps.batch = call.count("batch");
  maps.sizes.height = call.count("height", 1, side);
  maps.sizes.width = call.count("width", 1, side);
  maps.sizes.channels = call.count("channels");
  maps.sizes.window = call.count("window", 1, 256);
  product({maps.batch, maps.sizes.plane(), maps.sizes.channels});
  return maps;
}

/** Runs body(y, strip, scores) over all strips of a sample, `scores` being scratch of the thread. */
template <class Body>
void eachStrip(const AttentionSizes& sizes, const Body& body) {
  const std::size_t strips = (sizes.width + AttentionSizes::STRIP - 1) / AttentionSizes::STRIP;
  parallel(sizes.height * strips, 1, [&](std::size_t begin, std::size_t end) {
    std::vector<float> scores(2 * sizes.offsets() * AttentionSizes::STRIP);
    for (std::size_t i = begin; i < end; i++) body(i / strips, i % strips, scores.data());
  });
}

void spread(const Maps& maps, const float* from, float* to) {
  parallel(maps.sizes.channels, 1, [&](std::size_t begin, std::size_t end) { attention().spread(maps.sizes, from, to, begin, end); });
}

/**
 * localAttention(batch, height, width, channels, window, q, k, v, out, level, total): maps [batch, height, width, channels],
 * plain; level and total of each pixel's softmax [batch, height, width].
 */
napi_value forward(Call& call) {
  const Maps maps = mapsOf(call);
  const std::size_t all = maps.batch * maps.floats(), each = maps.batch * maps.pixels();
  const Buffer q = call.buffer("q", all), k = call.buffer("k", all), v = call.buffer("v", all);
  const Buffer out = call.buffer("out", all), level = call.buffer("level", each), total = call.buffer("total", each);
  const Scratch planes(3 * maps.planes());
  submit({q, k, v}, {out, level, total, planes.buffer}, [maps](float* const* at) {
    const AttentionSizes& sizes = maps.sizes;
    float* planes[3];
    for (std::size_t i = 0; i < 3; i++) planes[i] = at[6] + i * maps.planes();
    for (std::size_t sample = 0; sample < maps.batch; sample++) {
      for (std::size_t i = 0; i < 3; i++) spread(maps, at[i] + sample * maps.floats(), planes[i]);
      float* to = at[3] + sample * maps.floats();
      const AttentionSums sums{at[4] + sample * maps.pixels(), at[5] + sample * maps.pixels(), nullptr};
      eachStrip(sizes, [&](std::size_t y, std::size_t strip, float* scores) {
        attention().forward(sizes, planes[0], planes[1], planes[2], to, sums, scores, y, strip);
      });
    }
  }, COSTLY);
  return nothing(call.env());
}

/** localAttentionGradient(batch, height, width, channels, window, q, k, v, level, total, dy, dq, dk, dv): as in localAttention. */
napi_value backward(Call& call) {
  const Maps maps = mapsOf(call);
  const std::size_t all = maps.batch * maps.floats(), each = maps.batch * maps.pixels();
  const Buffer q = call.buffer("q", all), k = call.buffer("k", all), v = call.buffer("v", all);
  const Buffer level = call.buffer("level", each), total = call.buffer("total", each), dy = call.buffer("dy", all);
  const Buffer dq = call.buffer("dq", all), dk = call.buffer("dk", all), dv = call.buffer("dv", all);
  const Scratch planes(4 * maps.planes() + 3 * maps.sizes.plane());
  submit({q, k, v, dy, level, total}, {dq, dk, dv, planes.buffer}, [maps](float* const* at) {
    const AttentionSizes& sizes = maps.sizes;
    float* planes[4];
    for (std::size_t i = 0; i < 4; i++) planes[i] = at[9] + i * maps.planes();
    float* beside = at[9] + 4 * maps.planes();
    const AttentionSums sums{beside, beside + sizes.plane(), beside + 2 * sizes.plane()};
    for (std::size_t sample = 0; sample < maps.batch; sample++) {
      for (std::size_t i = 0; i < 4; i++) spread(maps, at[i] + sample * maps.floats(), planes[i]);
      for (std::size_t i = 0; i < sizes.plane(); i++) {
        sums.level[i] = std::numeric_limits<float>::infinity();
        sums.total[i] = 1.0f;
        sums.mean[i] = 0.0f;
      }
      for (std::size_t y = 0; y < sizes.height; y++) {
        for (std::size_t x = 0; x < sizes.width; x++) {
          const std::size_t to = (y + sizes.edge()) * sizes.row() + x + sizes.edge();
          const std::size_t from = sample * maps.pixels() + y * sizes.width + x;
          sums.level[to] = at[4][from];
          sums.total[to] = at[5][from];
        }
      }
      float* to[3];
      for (std::size_t i = 0; i < 3; i++) to[i] = at[6 + i] + sample * maps.floats();
      eachStrip(sizes, [&](std::size_t y, std::size_t strip, float* scores) {
        attention().queries(sizes, planes[0], planes[1], planes[2], planes[3], to[0], sums, scores, y, strip);
      });
      eachStrip(sizes, [&](std::size_t y, std::size_t strip, float* scores) {
        attention().keys(sizes, planes[0], planes[1], planes[2], planes[3], to[1], to[2], sums, scores, y, strip);
      });
    }
  });
  return nothing(call.env());
}

}  // namespace

void defineAttention(napi_env env, napi_value exports) {
  define(env, exports, "localAttention", forward);
  define(env, exports, "localAttentionGradient", backward);
}

}  // namespace ms
