#include "../kernels/warp.h"

#include "../core/call.h"
#include "../core/worker.h"
#include "../kernels/layout.h"
#include "families.h"

namespace ms {
namespace {

/** Output numbers that are worth a thread. */
constexpr std::size_t GRAIN = 8192;

struct Maps {
  WarpSizes sizes;
  std::size_t batch, floats, flowFloats;
};

/** batch, height, width, channels, links, blocked, negated, aligned */
Maps mapsOf(Call& call) {
  constexpr std::size_t side = std::size_t{1} << 30;
  Maps maps{};
  WarpSizes& sizes = maps.sizes;
  maps.batch = call.count("batch");
  sizes.height = call.count("height", 1, side);
  sizes.width = call.count("width", 1, side);
  sizes.channels = call.count("channels");
  sizes.links = call.count("links");
  const bool blocked = call.flag("blocked");
  sizes.sign = call.flag("negated") ? -1 : 1;
  const bool aligned = call.flag("aligned");
  const auto stretch = [aligned](std::size_t size) {
    return aligned ? 1.0 : static_cast<double>(size) / static_cast<double>(size > 1 ? size - 1 : 1);
  };
  sizes.scaleX = stretch(sizes.width);
  sizes.scaleY = stretch(sizes.height);
  sizes.shift = aligned ? 0.0 : 0.5;
  if (sizes.pixels() > side) call.refuse("the maps have %zu pixels, expected at most 2^30", sizes.pixels());
  if (blocked && sizes.channels % BLOCK != 0) {
    call.refuse("channels is %zu, expected a multiple of %zu for blocked maps", sizes.channels, BLOCK);
  }
  product({2, maps.batch, sizes.pixels(), sizes.channels, sizes.links});
  maps.floats = maps.batch * sizes.pixels() * sizes.channels;
  maps.flowFloats = maps.batch * sizes.pixels() * 2 * sizes.links;
  sizes.blocks = (sizes.channels + BLOCK - 1) / BLOCK;
  sizes.pixel = blocked ? BLOCK : sizes.channels;
  sizes.block = sizes.outBlock = blocked ? sizes.pixels() * BLOCK : BLOCK;
  sizes.outPixel = blocked ? BLOCK : sizes.links * sizes.channels;
  sizes.outLink = blocked ? sizes.pixels() * sizes.channels : sizes.channels;
  return maps;
}

std::size_t grainOf(std::size_t each) { return (GRAIN + each - 1) / each; }

/**
 * warp(batch, height, width, channels, links, blocked, negated, aligned, a, flow, out): a [batch, height, width, channels] and
 * out [batch, height, width, links · channels], both plain or both blocked; flow [batch, height, width, 2 links], plain.
 */
napi_value forward(Call& call) {
  const Maps maps = mapsOf(call);
  const Buffer a = call.buffer("a", maps.floats), flow = call.buffer("flow", maps.flowFloats);
  const Buffer out = call.buffer("out", maps.sizes.links * maps.floats);
  submit({a, flow}, {out}, [maps](float* const* at) {
    const WarpSizes& sizes = maps.sizes;
    const std::size_t grain = grainOf(sizes.width * sizes.channels);
    parallel(maps.batch * sizes.links * sizes.height, grain, [&](std::size_t begin, std::size_t end) {
      warp().forward(sizes, at[0], at[1], at[2], begin, end);
    });
  });
  return nothing(call.env());
}

/** warpGradient(batch, height, width, channels, links, blocked, negated, aligned, a, flow, dy, da, dflow): shapes as in warp. */
napi_value backward(Call& call) {
  const Maps maps = mapsOf(call);
  const Buffer a = call.buffer("a", maps.floats), flow = call.buffer("flow", maps.flowFloats);
  const Buffer dy = call.buffer("dy", maps.sizes.links * maps.floats);
  const Buffer da = call.buffer("da", maps.floats), dflow = call.buffer("dflow", maps.flowFloats);
  // Every block of channels adds to the flow's gradient: apart first, so that threads do not meet.
  const bool single = maps.sizes.blocks == 1;
  const Scratch parts(single ? 1 : maps.sizes.blocks * maps.flowFloats);
  submit({a, flow, dy}, {da, single ? dflow : parts.buffer, dflow}, [maps, single](float* const* at) {
    const WarpSizes& sizes = maps.sizes;
    const std::size_t grain = grainOf(sizes.pixels() * sizes.links * BLOCK);
    parallel(maps.batch * sizes.blocks, grain, [&](std::size_t begin, std::size_t end) {
      warp().backward(sizes, at[0], at[1], at[2], at[3], at[4], begin, end);
    });
    if (single) return;
    parallel(maps.batch * sizes.pixels(), grainOf(2 * sizes.links * sizes.blocks), [&](std::size_t begin, std::size_t end) {
      warp().join(sizes, at[4], at[5], begin, end);
    });
  });
  return nothing(call.env());
}

}  // namespace

void defineWarp(napi_env env, napi_value exports) {
  define(env, exports, "warp", forward);
  define(env, exports, "warpGradient", backward);
}

}  // namespace ms
