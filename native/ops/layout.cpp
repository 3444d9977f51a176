#include "../kernels/layout.h"

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

struct Map {
  std::size_t batch, pixels, channels;
  std::size_t blocks() const { return (channels + BLOCK - 1) / BLOCK; }
};

Map mapOf(Call& call) {
  const std::size_t batch = call.count("batch"), pixels = call.count("pixels");
  const Map map{batch, pixels, call.count("channels")};
  product({batch, pixels, map.blocks() * BLOCK});
  return map;
}

/** block(plain, blocked, batch, pixels, channels): NHWC to nChw16c; lanes without a channel become 0. */
napi_value block(Call& call) {
  const Buffer plain = call.buffer("plain", 1), blocked = call.buffer("blocked", 1);
  const Map map = mapOf(call);
  call.need(plain, map.batch * map.pixels * map.channels, "plain");
  call.need(blocked, map.batch * map.pixels * map.blocks() * BLOCK, "blocked");
  submit({plain}, {blocked}, [map](float* const* at) {
    parallel(map.batch * map.blocks() * map.pixels, 4096, [&](std::size_t begin, std::size_t end) {
      layout().block(at[0], at[1], map.pixels, map.channels, begin, end);
    });
  });
  return nothing(call.env());
}

/** unblock(blocked, plain, batch, pixels, channels): nChw16c to NHWC. */
napi_value unblock(Call& call) {
  const Buffer blocked = call.buffer("blocked", 1), plain = call.buffer("plain", 1);
  const Map map = mapOf(call);
  call.need(plain, map.batch * map.pixels * map.channels, "plain");
  call.need(blocked, map.batch * map.pixels * map.blocks() * BLOCK, "blocked");
  submit({blocked}, {plain}, [map](float* const* at) {
    parallel(map.batch * map.pixels, 256, [&](std::size_t begin, std::size_t end) {
      layout().unblock(at[0], at[1], map.pixels, map.channels, begin, end);
    });
  });
  return nothing(call.env());
}

/** clearLanes(blocked, batch, pixels, channels): sets lanes without a channel to 0, after a function with f(0) ≠ 0. */
napi_value clearLanes(Call& call) {
  const Buffer blocked = call.buffer("blocked", 1);
  const Map map = mapOf(call);
  call.need(blocked, map.batch * map.pixels * map.blocks() * BLOCK, "blocked");
  const std::size_t used = map.channels % BLOCK;
  if (used == 0) return nothing(call.env());
  submit({}, {blocked}, [map, used](float* const* at) {
    for (std::size_t sample = 0; sample < map.batch; sample++) {
      float* last = at[0] + ((sample + 1) * map.blocks() - 1) * map.pixels * BLOCK;
      for (std::size_t pixel = 0; pixel < map.pixels; pixel++) {
        for (std::size_t lane = used; lane < BLOCK; lane++) last[pixel * BLOCK + lane] = 0;
      }
    }
  });
  return nothing(call.env());
}

/** narrow(floats, from, to): float to bfloat16, two in the place of a float. */
napi_value narrow(Call& call) {
  const std::size_t floats = call.count("floats");
  const Buffer from = call.buffer("from", floats), to = call.buffer("to", (floats + 1) / 2);
  submit({from}, {to}, [floats](float* const* at) {
    parallel(floats, 16384, [&](std::size_t begin, std::size_t end) {
      layout().narrow(at[0], reinterpret_cast<std::uint16_t*>(at[1]), begin, end);
    });
  });
  return nothing(call.env());
}

}  // namespace

void defineLayout(napi_env env, napi_value exports) {
  define(env, exports, "block", block);
  define(env, exports, "unblock", unblock);
  define(env, exports, "clearLanes", clearLanes);
  define(env, exports, "narrow", narrow);
}

}  // namespace ms
