#include "../kernels/gates.h"

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

/** Elements that are worth a thread: each costs several exponentials. */
constexpr std::size_t GRAIN = 4096;
/** Parts begin at multiples of this, so that the number of threads changes no result. */
constexpr std::size_t STEP = 16;

/** Results of fewer floats are kept: to compute them again would cost more than their memory is worth. */
constexpr std::size_t LARGE = std::size_t{1} << 18;

Traits traitsOf(std::size_t floats) { return static_cast<Traits>(floats < LARGE ? IN_PLACE | COSTLY : IN_PLACE); }

/** States are [outer, inner], pre-activations [outer, gates, inner]. */
struct Rows {
  std::size_t outer, inner;
  std::size_t floats() const { return outer * inner; }
};

Rows rowsOf(Call& call) {
  const std::size_t outer = call.count("outer");
  const Rows rows{outer, call.count("inner")};
  product({4, rows.outer, rows.inner});
  return rows;
}

/** Runs body(part) over all elements. */
template <class Body>
void overRows(const Rows& rows, const Body& body) {
  const std::size_t unit = rows.inner % STEP == 0 ? STEP : rows.inner;
  parallel(rows.floats() / unit, (GRAIN + unit - 1) / unit, [&](std::size_t begin, std::size_t end) {
    body(Part{rows.inner, begin * unit, end * unit});
  });
}

/** lstmGates(outer, inner, z, c, h, next): z [outer, 4, inner], the others [outer, inner]. */
napi_value lstmGates(Call& call) {
  const Rows rows = rowsOf(call);
  const Buffer z = call.buffer("z", 4 * rows.floats()), c = call.buffer("c", rows.floats());
  const Buffer h = call.buffer("h", rows.floats()), next = call.buffer("next", rows.floats());
  submit({z, c}, {h, next}, [rows](float* const* at) {
    overRows(rows, [&](Part part) { gates().lstm(at[0], at[1], at[2], at[3], part); });
  }, traitsOf(rows.floats()));
  return nothing(call.env());
}

/** lstmGatesGradient(outer, inner, z, c, dh, dNext, dz, dc) */
napi_value lstmGatesGradient(Call& call) {
  const Rows rows = rowsOf(call);
  const Buffer z = call.buffer("z", 4 * rows.floats()), c = call.buffer("c", rows.floats());
  const Buffer dh = call.buffer("dh", rows.floats()), dNext = call.buffer("dNext", rows.floats());
  const Buffer dz = call.buffer("dz", 4 * rows.floats()), dc = call.buffer("dc", rows.floats());
  submit({z, c, dh, dNext}, {dz, dc}, [rows](float* const* at) {
    overRows(rows, [&](Part part) { gates().lstmGradient(at[0], at[1], at[2], at[3], at[4], at[5], part); });
  }, IN_PLACE);
  return nothing(call.env());
}

/** Of memoryGates: tanh(m) instead of m; a forget gate; a fourth gate, to be put out as it is. */
struct Memory {
  bool squash, forget, output;
};

Memory memoryOf(Call& call) {
  const bool squash = call.flag("squash"), forget = call.flag("forget");
  return {squash, forget, call.flag("output")};
}

/**
 * memoryGates(outer, inner, squash, forget, output, z, m, next[, o]): z [outer, 3 gates (4 with output), inner], the
 * others [outer, inner].
 */
napi_value memoryGates(Call& call) {
  const Rows rows = rowsOf(call);
  const Memory memory = memoryOf(call);
  const Buffer z = call.buffer("z", (memory.output ? 4 : 3) * rows.floats()), m = call.buffer("m", rows.floats());
  std::vector<Buffer> writes{call.buffer("next", rows.floats())};
  if (memory.output) writes.push_back(call.buffer("o", rows.floats()));
  submit({z, m}, writes, [rows, memory](float* const* at) {
    float* o = memory.output ? at[3] : nullptr;
    overRows(rows, [&](Part part) { gates().memory(at[0], at[1], at[2], o, memory.squash, memory.forget, part); });
  }, traitsOf(rows.floats()));
  return nothing(call.env());
}

/** memoryGatesGradient(outer, inner, squash, forget, output, z, m, dz, dm, dNext[, do]) */
napi_value memoryGatesGradient(Call& call) {
  const Rows rows = rowsOf(call);
  const Memory memory = memoryOf(call);
  const std::size_t wide = (memory.output ? 4 : 3) * rows.floats();
  const Buffer z = call.buffer("z", wide), m = call.buffer("m", rows.floats());
  const Buffer dz = call.buffer("dz", wide), dm = call.buffer("dm", rows.floats());
  std::vector<Buffer> reads{z, m, call.buffer("dNext", rows.floats())};
  if (memory.output) reads.push_back(call.buffer("do", rows.floats()));
  submit(reads, {dz, dm}, [rows, memory](float* const* at) {
    const float* dO = memory.output ? at[3] : nullptr;
    float* const* to = at + (memory.output ? 4 : 3);
    overRows(rows, [&](Part part) {
      gates().memoryGradient(at[0], at[1], at[2], dO, to[0], to[1], memory.squash, memory.forget, part);
    });
  }, IN_PLACE);
  return nothing(call.env());
}

/** outputGate(floats, squash, o, u, h): all alike, in any form; squash: tanh(o) instead of the logistic function. */
napi_value outputGate(Call& call) {
  const std::size_t floats = call.count("floats");
  const bool squash = call.flag("squash");
  const Buffer o = call.buffer("o", floats), u = call.buffer("u", floats), h = call.buffer("h", floats);
  const auto each = [squash](float* const* at, std::size_t n) { gates().output(at[0], at[1], at[2], squash, 0, n); };
  submit({o, u}, {h}, GRAIN, Elements{floats, each}, traitsOf(floats));
  return nothing(call.env());
}

/** outputGateGradient(floats, squash, o, u, dh, do, du) */
napi_value outputGateGradient(Call& call) {
  const std::size_t floats = call.count("floats");
  const bool squash = call.flag("squash");
  const Buffer o = call.buffer("o", floats), u = call.buffer("u", floats), dh = call.buffer("dh", floats);
  const Buffer dO = call.buffer("do", floats), du = call.buffer("du", floats);
  const auto each = [squash](float* const* at, std::size_t n) {
    gates().outputGradient(at[0], at[1], at[2], at[3], at[4], squash, 0, n);
  };
  submit({o, u, dh}, {dO, du}, GRAIN, Elements{floats, each});
  return nothing(call.env());
}

/** gruGates(outer, inner, leaky, slope, zx, zh, h, next): zx and zh [outer, 3, inner], the others [outer, inner]. */
napi_value gruGates(Call& call) {
  const Rows rows = rowsOf(call);
  const bool leaky = call.flag("leaky");
  const float slope = static_cast<float>(call.number("slope"));
  const Buffer zx = call.buffer("zx", 3 * rows.floats()), zh = call.buffer("zh", 3 * rows.floats());
  const Buffer h = call.buffer("h", rows.floats()), next = call.buffer("next", rows.floats());
  submit({zx, zh, h}, {next}, [rows, leaky, slope](float* const* at) {
    overRows(rows, [&](Part part) { gates().gru(at[0], at[1], at[2], at[3], leaky, slope, part); });
  }, traitsOf(rows.floats()));
  return nothing(call.env());
}

/** gruGatesGradient(outer, inner, leaky, slope, zx, zh, h, dNext, dzx, dzh, dh) */
napi_value gruGatesGradient(Call& call) {
  const Rows rows = rowsOf(call);
  const bool leaky = call.flag("leaky");
  const float slope = static_cast<float>(call.number("slope"));
  const Buffer zx = call.buffer("zx", 3 * rows.floats()), zh = call.buffer("zh", 3 * rows.floats());
  const Buffer h = call.buffer("h", rows.floats()), dNext = call.buffer("dNext", rows.floats());
  const Buffer dzx = call.buffer("dzx", 3 * rows.floats()), dzh = call.buffer("dzh", 3 * rows.floats());
  const Buffer dh = call.buffer("dh", rows.floats());
  submit({zx, zh, h, dNext}, {dzx, dzh, dh}, [rows, leaky, slope](float* const* at) {
    overRows(rows, [&](Part part) {
      gates().gruGradient(at[0], at[1], at[2], at[3], at[4], at[5], at[6], leaky, slope, part);
    });
  }, IN_PLACE);
  return nothing(call.env());
}

/** highway(outer, inner, ps, z, next): ps [outer, 2, inner], the others [outer, inner]. */
napi_value highway(Call& call) {
  const Rows rows = rowsOf(call);
  const Buffer ps = call.buffer("ps", 2 * rows.floats()), z = call.buffer("z", rows.floats());
  const Buffer next = call.buffer("next", rows.floats());
  submit({ps, z}, {next}, [rows](float* const* at) {
    overRows(rows, [&](Part part) { gates().highway(at[0], at[1], at[2], part); });
  }, traitsOf(rows.floats()));
  return nothing(call.env());
}

/** highwayGradient(outer, inner, ps, z, dNext, dps, dz) */
napi_value highwayGradient(Call& call) {
  const Rows rows = rowsOf(call);
  const Buffer ps = call.buffer("ps", 2 * rows.floats()), z = call.buffer("z", rows.floats());
  const Buffer dNext = call.buffer("dNext", rows.floats());
  const Buffer dps = call.buffer("dps", 2 * rows.floats()), dz = call.buffer("dz", rows.floats());
  submit({ps, z, dNext}, {dps, dz}, [rows](float* const* at) {
    overRows(rows, [&](Part part) { gates().highwayGradient(at[0], at[1], at[2], at[3], at[4], part); });
  }, IN_PLACE);
  return nothing(call.env());
}

}  // namespace

void defineGates(napi_env env, napi_value exports) {
  define(env, exports, "lstmGates", lstmGates);
  define(env, exports, "lstmGatesGradient", lstmGatesGradient);
  define(env, exports, "memoryGates", memoryGates);
  define(env, exports, "memoryGatesGradient", memoryGatesGradient);
  define(env, exports, "outputGate", outputGate);
  define(env, exports, "outputGateGradient", outputGateGradient);
  define(env, exports, "gruGates", gruGates);
  define(env, exports, "gruGatesGradient", gruGatesGradient);
  define(env, exports, "highway", highway);
  define(env, exports, "highwayGradient", highwayGradient);
}

}  // namespace ms
