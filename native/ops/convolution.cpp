#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "../core/call.h"
#include "../core/error.h"
#include "../core/recording.h"
#include "../core/worker.h"
#include "../kernels/layout.h"
#include "convolution.h"
#include "families.h"
#include "winograd.h"

namespace ms {
namespace {

using dnnl::memory;

std::map<std::uint32_t, std::shared_ptr<Plan>> plans;
std::uint32_t nextPlan = 1;

Geometry geometryOf(Call& call) {
  const std::vector<std::size_t> g = call.counts("geometry");
  const std::vector<std::int64_t> padding = call.integers("padding");
  if (g.size() != 13) call.refuse("geometry has %zu numbers, expected 13", g.size());
  if (padding.size() != 4) call.refuse("padding has %zu numbers, expected 4", padding.size());
  for (const std::size_t size : g) {
    if (size < 1 || size > (std::size_t{1} << 30)) call.refuse("geometry has an entry %zu, expected 1 to 2^30", size);
  }
  for (const std::int64_t edge : padding) {
    if (edge < -(1 << 30) || edge > (1 << 30)) call.refuse("padding has an entry %lld, expected at most 2^30", static_cast<long long>(edge));
  }
  const auto n = [&](std::size_t i) { return static_cast<memory::dim>(g[i]); };
  Geometry result;
  result.x = {n(0), n(3), n(1), n(2)};
  result.y = {n(0), n(6), n(4), n(5)};
  result.weights = {n(6), n(3), n(7), n(8)};
  result.strides = {n(9), n(10)};
  result.dilations = {n(11) - 1, n(12) - 1};
  result.before = {padding[0], padding[1]};
  result.after = {padding[2], padding[3]};
  // The library computes offsets in 32 bits here and there.
  for (const memory::dims& sizes : {result.x, result.y, result.weights}) {
    const std::size_t padded = static_cast<std::size_t>((sizes[1] + 15) / 16 * 16);
    const std::size_t floats = product({static_cast<std::size_t>((sizes[0] + 15) / 16 * 16), padded,
                                        static_cast<std::size_t>(sizes[2]), static_cast<std::size_t>(sizes[3])});
    if (floats > (std::size_t{1} << 31) - 1) call.refuse("a tensor of %zu floats, expected less than 2^31", floats);
  }
  return result;
}

/** Blocks of channels of each part of x; nothing where a part is no whole map. */
std::optional<Winograd::Source> sourceOf(const Winograd& w, const Program::Concatenation& how) {
  const std::size_t block = w.inHeight * w.inWidth * BLOCK;
  const bool whole = std::all_of(how.inners.begin(), how.inners.end(), [&](std::size_t inner) { return inner % block == 0; });
  if (!whole || how.outer != w.batch || how.inners.size() > Winograd::Source::MOST) return std::nullopt;
  Winograd::Source source{};
  for (std::size_t i = 0; i < how.inners.size(); i++) source.blocks[i] = how.inners[i] / block;
  return source;
}

/** Our own for 3x3. */
void winograd(Call& call, Plan& plan, const Geometry& g) {
  const bool dense = g.strides == memory::dims{1, 1} && g.dilations == memory::dims{0, 0};
  const bool three = g.weights[2] == 3 && g.weights[3] == 3;
  const bool fits = g.y[2] == g.x[2] + g.before[0] + g.after[0] - 2 && g.y[3] == g.x[3] + g.before[1] + g.after[1] - 2;
  if (!dense || !three || !fits || g.x[1] % 16 != 0 || g.y[1] % 16 != 0 || plan.kind == Kind::input) {
    call.refuse("Winograd's algorithm is for outputs and weights of 3x3, stride 1, on channels in whole blocks");
  }
  const auto n = [](memory::dim size) { return static_cast<std::size_t>(size); };
  const Winograd w{n(g.x[0]), n(g.x[2]), n(g.x[3]), n(g.x[1]), n(g.y[2]), n(g.y[3]), n(g.y[1]), g.before[0], g.before[1]};
  plan.x = w.batch * w.inChannels * w.inHeight * w.inWidth;
  plan.y = w.batch * w.outChannels * w.outHeight * w.outWidth;
  plan.reorderScratch = 0;
  std::function<void(const Winograd::Source& x, float* const* others)> work;
  if (plan.kind == Kind::weights) {
    plan.packed = plan.plain;
    plan.layout = Plan::PLAIN;
    plan.scratch = w.weightsScratch();
    work = [w](const Winograd::Source& x, float* const* others) { w.weights(x, others[0], others[1], others[2]); };
    plan.reorder = [floats = plan.plain](float* const* at) { std::memcpy(at[1], at[0], floats * sizeof(float)); };
  } else {
    plan.packed = w.packedFloats();
    plan.layout = Plan::TRANSFORMED;
    plan.scratch = w.outputScratch();
    work = [w, bias = plan.bias](const Winograd::Source& x, float* const* others) {
      w.output(x, others[0], bias ? others[1] : nullptr, others[bias ? 2 : 1], others[bias ? 3 : 2]);
    };
    plan.reorder = [w](float* const* at) { w.pack(at[0], at[1]); };
  }
  const auto from = [work](const Winograd::Source& source, std::size_t parts) -> Run {
    return [work, source, parts](float* const* at) {
      Winograd::Source x = source;
      std::copy(at, at + parts, x.maps);
      work(x, at + parts);
    };
  };
  plan.run = from({{w.inChannels / BLOCK}, {}}, 1);
  plan.apart = [w, from](const Program::Concatenation& how) {
    const std::optional<Winograd::Source> source = sourceOf(w, how);
    return source ? from(*source, how.inners.size()) : Run{};
  };
}

/**
 * convolutionPlan(kind: "output" | "input" | "weights", how: "direct" | "winograd", blocked, bias, half, geometry, padding) ->
 *   {plan, layout, weightFloats, scratchFloats, reorderFloats}, or undefined where oneDNN has no such convolution here.
 * geometry: batch, input height, width, channels, output height, width, channels, kernel height, width, strides down and
 * across, dilations down and across; padding: top, left, bottom, right. half: operands in bfloat16, results in float; sums are of
 * floats.
 */
napi_value convolutionPlan(Call& call) {
  const std::string name = call.text("kind");
  if (name != "output" && name != "input" && name != "weights") call.refuse("kind is %s, expected output, input or weights", name.c_str());
  auto plan = std::make_shared<Plan>();
  plan->kind = name == "output" ? Kind::output : name == "input" ? Kind::input : Kind::weights;
  const std::string way = call.text("how");
  if (way != "direct" && way != "winograd") call.refuse("how is %s, expected direct or winograd", way.c_str());
  const bool blocked = call.flag("blocked");
  plan->bias = call.flag("bias");
  const bool half = call.flag("half");
  const Geometry g = geometryOf(call);
  plan->outChannels = static_cast<std::size_t>(g.y[1]);
  plan->plain = static_cast<std::size_t>(g.weights[0] * g.weights[1] * g.weights[2] * g.weights[3]);
  // A pointwise one of few channels takes no longer than writing its result.
  plan->cheap = plan->plain <= 64 * plan->outChannels;
  if (way == "winograd") {
    if (!blocked || half) call.refuse("Winograd's algorithm is for blocked maps of floats");
    winograd(call, *plan, g);
  } else if (!direct(*plan, g, blocked, half)) {
    return nothing(call.env());
  }
  const std::uint32_t id = nextPlan++;
  plans[id] = plan;
  napi_value result;
  napi_create_object(call.env(), &result);
  const auto set = [&](const char* key, std::size_t value) {
    napi_set_named_property(call.env(), result, key, toNumber(call.env(), static_cast<double>(value)));
  };
  set("plan", id);
  set("layout", plan->layout);
  set("weightFloats", plan->packed);
  set("scratchFloats", plan->scratch);
  set("reorderFloats", plan->reorderScratch);
  return result;
}

auto find(Call& call, const char* name = "plan") {
  const auto found = plans.find(static_cast<std::uint32_t>(call.count(name, 0, 0xffffffff)));
  if (found == plans.end()) call.refuse("no such %s", name);
  return found;
}

std::shared_ptr<Plan> planAt(Call& call, const char* name = "plan") { return find(call, name)->second; }

/** dropPlan(plan): commands that were queued with it still run. */
napi_value dropPlan(Call& call) {
  plans.erase(find(call));
  return nothing(call.env());
}

/** reorderWeights(plan, from, to, scratch): packs weights for the plan, or unpacks a weight gradient. */
napi_value reorderWeights(Call& call) {
  const auto plan = planAt(call);
  const bool back = plan->kind == Kind::weights;
  const Buffer from = call.buffer("from", back ? plan->packed : plan->plain);
  const Buffer to = call.buffer("to", back ? plan->plain : plan->packed);
  const Buffer scratch = call.buffer("scratch", plan->reorderScratch);
  submit({from}, {to, scratch}, [plan](float* const* at) { plan->reorder(at); });
  return nothing(call.env());
}

/**
 * convolve(plan, first, second, result, scratch[, bias]): output: x, packed weights -> y; input: dy, packed weights -> dx;
 * weights: x, dy -> packed weight gradient.
 */
napi_value convolve(Call& call) {
  const auto plan = planAt(call);
  const std::size_t x = plan->x, y = plan->y, w = plan->packed;
  const Kind kind = plan->kind;
  const Buffer first = call.buffer("first", kind == Kind::input ? y : x);
  const Buffer second = call.buffer("second", kind == Kind::weights ? y : w);
  const Buffer result = call.buffer("result", kind == Kind::output ? y : kind == Kind::input ? x : w);
  const Buffer scratch = call.buffer("scratch", plan->scratch);
  const auto run = [plan](float* const* at) { plan->run(at); };
  const Traits traits = plan->cheap ? NO_TRAITS : COSTLY;
  if (plan->bias) {
    const Buffer bias = call.buffer("bias", plan->outChannels);
    submit({first, second, bias}, {result, scratch}, run, traits);
  } else {
    submit({first, second}, {result, scratch}, run, traits);
  }
  recordApart(plan->apart);
  return nothing(call.env());
}

/**
 * recordJoin(plan, joined, count): while recording, the weights' gradient that was queued last, by `plan`, may be computed with
 * those of other time steps, `count` of them by one run of `joined`. Its maps are those of `plan`, one batch after another.
 */
napi_value join(Call& call) {
  const auto plan = planAt(call), joined = planAt(call, "joined");
  const std::size_t count = call.count("count", 2, 64);
  const bool same = plan->kind == Kind::weights && joined->kind == Kind::weights && plan->layout == joined->layout &&
                    joined->x == count * plan->x && joined->y == count * plan->y;
  if (!same) call.refuse("joined is no plan of %zu such gradients", count);
  if (!joined->joined) {
    joined->joined = std::make_shared<Program::Join>(
        Program::Join{count, joined->run, joined->scratch});
  }
  recordJoin(joined->joined);
  return nothing(call.env());
}

}  // namespace

void defineConvolution(napi_env env, napi_value exports) {
  define(env, exports, "convolutionPlan", convolutionPlan);
  define(env, exports, "dropPlan", dropPlan);
  define(env, exports, "reorderWeights", reorderWeights);
  define(env, exports, "convolve", convolve);
  define(env, exports, "recordJoin", join);
}

}  // namespace ms
