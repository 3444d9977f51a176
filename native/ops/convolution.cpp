#include <map>
#include <memory>
#include <tuple>

#include "../core/call.h"
#include "../core/error.h"
#include "../core/onednn.h"
#include "../core/recording.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using Tag = memory::format_tag;

/** What is computed from what. Maps are [batch, height, width, channels], kernels [height, width, in, out]. */
enum class Kind { output, input, weights };

/** A convolution of one geometry, ready to run. */
struct Plan {
  Kind kind;
  memory::desc x, y, packed, plain;
  bool bias;
  std::size_t outChannels, scratchFloats;
  std::size_t layout;
  std::shared_ptr<Primitive> primitive;
  /** Weights from [height, width, in, out] to the primitive's own layout, or back for the weight gradient. */
  std::shared_ptr<Primitive> reorder;
  std::size_t reorderScratch;
  /** As the convolution of several time steps at once. */
  std::shared_ptr<const Program::Join> joined;
};

std::map<std::uint32_t, std::shared_ptr<Plan>> plans;
std::uint32_t nextPlan = 1;
/** Layouts of packed weights seen so far: convolutions that use the same one share packed weights. */
std::vector<memory::desc>& layouts = *new std::vector<memory::desc>;

std::size_t layoutOf(const memory::desc& desc) {
  for (std::size_t i = 0; i < layouts.size(); i++) {
    if (layouts[i] == desc) return i;
  }
  layouts.push_back(desc);
  return layouts.size() - 1;
}

struct Geometry {
  memory::dims x, y, weights, strides, dilations, before, after;
};

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

/** Slots in the order of the buffers given to `convolve`: those that are read, those that are written, scratch. */
template <class Description>
void finishPlan(Plan& plan, const Description& description, std::vector<Primitive::Slot> slots) {
  slots.push_back({DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()});
  plan.scratchFloats = floatsOf(description.scratchpad_desc());
  plan.primitive = std::make_shared<Primitive>(dnnl::primitive(description), std::move(slots));
  plan.layout = layoutOf(plan.packed);
  const bool back = plan.kind == Kind::weights;
  const dnnl::reorder::primitive_desc reorder(cpu(), back ? plan.packed : plan.plain, cpu(), back ? plan.plain : plan.packed,
                                              ownScratch());
  plan.reorderScratch = floatsOf(reorder.scratchpad_desc());
  plan.reorder = std::make_shared<Primitive>(
      dnnl::reorder(reorder), std::vector<Primitive::Slot>{{DNNL_ARG_FROM, back ? plan.packed : plan.plain},
                                                           {DNNL_ARG_TO, back ? plan.plain : plan.packed},
                                                           {DNNL_ARG_SCRATCHPAD, reorder.scratchpad_desc()}});
}

/**
 * convolutionPlan(kind: "output" | "input" | "weights", how: "direct" | "winograd" | "prepared", blocked, bias, half, geometry,
 *   padding) -> {plan, layout, weightFloats, scratchFloats, reorderFloats}, or undefined where oneDNN has no such convolution
 * here. prepared: Winograd's of weights that were transformed when they were packed, for outputs alone.
 * geometry: batch, input height, width, channels, output height, width, channels, kernel height, width, strides down and
 * across, dilations down and across; padding: top, left, bottom, right.
 */
napi_value convolutionPlan(Call& call) {
  const std::string name = call.text("kind");
  if (name != "output" && name != "input" && name != "weights") call.refuse("kind is %s, expected output, input or weights", name.c_str());
  auto plan = std::make_shared<Plan>();
  plan->kind = name == "output" ? Kind::output : name == "input" ? Kind::input : Kind::weights;
  const std::string way = call.text("how");
  if (way != "direct" && way != "winograd" && way != "prepared") call.refuse("how is %s, expected direct, winograd or prepared", way.c_str());
  if (way == "prepared" && plan->kind != Kind::output) call.refuse("prepared weights are for outputs");
  const algorithm how = way == "direct" ? algorithm::convolution_direct : algorithm::convolution_winograd;
  // oneDNN transforms weights ahead of time where they cannot change between runs.
  const dnnl::prop_kind pass = way == "prepared" ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  const Tag form = call.flag("blocked") ? Tag::nChw16c : Tag::nhwc;
  plan->bias = call.flag("bias");
  // Operands in bfloat16, results in float; sums are of floats.
  const bool half = call.flag("half");
  const Geometry g = geometryOf(call);
  plan->outChannels = static_cast<std::size_t>(g.y[1]);
  const auto f32 = memory::data_type::f32, operand = half ? memory::data_type::bf16 : f32;
  const auto typeOf = [&](Kind result) { return plan->kind == result ? f32 : operand; };
  const memory::desc x(g.x, typeOf(Kind::input), form), y(g.y, typeOf(Kind::output), form);
  const memory::desc any(g.weights, typeOf(Kind::weights), Tag::any);
  const memory::desc bias = plan->bias ? memory::desc({g.y[1]}, f32, Tag::x) : memory::desc();
  plan->plain = memory::desc(g.weights, f32, Tag::hwio);
  plan->x = x;
  plan->y = y;
  try {
    using Forward = dnnl::convolution_forward;
    // For the gradients a hint, whose operands are all of one type.
    const memory::desc in(g.x, operand, form), kernel(g.weights, operand, Tag::any);
    const memory::desc out(g.y, plan->kind == Kind::output ? f32 : operand, form);
    const auto desc = plan->bias ? Forward::desc(pass, how, in, kernel, bias, out, g.strides,
                                                 g.dilations, g.before, g.after)
                                 : Forward::desc(pass, how, in, kernel, out, g.strides,
                                                 g.dilations, g.before, g.after);
    const Forward::primitive_desc forward(desc, ownScratch(), cpu());
    if (plan->kind == Kind::output) {
      plan->packed = forward.weights_desc();
      std::vector<Primitive::Slot> slots{{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, plan->packed}};
      if (plan->bias) slots.push_back({DNNL_ARG_BIAS, bias});
      slots.push_back({DNNL_ARG_DST, y});
      finishPlan(*plan, forward, std::move(slots));
    } else if (plan->kind == Kind::input) {
      using Backward = dnnl::convolution_backward_data;
      const Backward::primitive_desc backward({how, x, any, y, g.strides, g.dilations, g.before, g.after}, ownScratch(),
                                              cpu(), forward);
      plan->packed = backward.weights_desc();
      finishPlan(*plan, backward, {{DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_WEIGHTS, plan->packed}, {DNNL_ARG_DIFF_SRC, x}});
    } else {
      using Backward = dnnl::convolution_backward_weights;
      const Backward::primitive_desc backward({how, x, any, y, g.strides, g.dilations, g.before, g.after}, ownScratch(),
                                              cpu(), forward);
      plan->packed = backward.diff_weights_desc();
      finishPlan(*plan, backward, {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_DIFF_WEIGHTS, plan->packed}});
    }
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments) return nothing(call.env());
    throw;
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
  set("weightFloats", floatsOf(plan->packed));
  set("scratchFloats", plan->scratchFloats);
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

std::size_t weightFloats(const Plan& plan) {
  std::size_t floats = 1;
  for (const memory::dim size : plan.plain.dims()) floats *= static_cast<std::size_t>(size);
  return floats;
}

/** reorderWeights(plan, from, to, scratch): packs weights for the plan, or unpacks a weight gradient. */
napi_value reorderWeights(Call& call) {
  const auto plan = planAt(call);
  const bool back = plan->kind == Kind::weights;
  const std::size_t packed = floatsOf(plan->packed), plain = weightFloats(*plan);
  const Buffer from = call.buffer("from", back ? packed : plain), to = call.buffer("to", back ? plain : packed);
  const Buffer scratch = call.buffer("scratch", plan->reorderScratch);
  submit({from}, {to, scratch}, [plan](float* const* at) { plan->reorder->run(at); });
  return nothing(call.env());
}

/**
 * convolve(plan, first, second, result, scratch[, bias]): output: x, packed weights -> y; input: dy, packed weights -> dx;
 * weights: x, dy -> packed weight gradient.
 */
napi_value convolve(Call& call) {
  const auto plan = planAt(call);
  const std::size_t x = floatsOf(plan->x), y = floatsOf(plan->y), w = floatsOf(plan->packed);
  const Kind kind = plan->kind;
  const Buffer first = call.buffer("first", kind == Kind::input ? y : x);
  const Buffer second = call.buffer("second", kind == Kind::weights ? y : w);
  const Buffer result = call.buffer("result", kind == Kind::output ? y : kind == Kind::input ? x : w);
  const Buffer scratch = call.buffer("scratch", plan->scratchFloats);
  const auto run = [plan](float* const* at) { plan->primitive->run(at); };
  // A pointwise one of few channels takes no longer than writing its result.
  const auto& sizes = plan->plain.dims();
  const Traits traits = sizes[1] * sizes[2] * sizes[3] > 64 ? COSTLY : NO_TRAITS;
  if (plan->bias) {
    const Buffer bias = call.buffer("bias", plan->outChannels);
    submit({first, second, bias}, {result, scratch}, run, traits);
  } else {
    submit({first, second}, {result, scratch}, run, traits);
  }
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
                    floatsOf(joined->x) == count * floatsOf(plan->x) && floatsOf(joined->y) == count * floatsOf(plan->y);
  if (!same) call.refuse("joined is no plan of %zu such gradients", count);
  if (!joined->joined) {
    joined->joined = std::make_shared<Program::Join>(
        Program::Join{count, [primitive = joined->primitive](float* const* at) { primitive->run(at); }, joined->scratchFloats});
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
