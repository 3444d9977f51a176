#include <algorithm>
#include <vector>

#include "convolution.h"

namespace ms {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using Tag = memory::format_tag;

/** oneDNN's layouts of weights that were seen so far. */
std::vector<memory::desc>& layouts = *new std::vector<memory::desc>;

std::size_t layoutOf(const memory::desc& desc) {
  const auto found = std::find(layouts.begin(), layouts.end(), desc);
  if (found != layouts.end()) return Plan::OTHERS + static_cast<std::size_t>(found - layouts.begin());
  layouts.push_back(desc);
  return Plan::OTHERS + layouts.size() - 1;
}

/** Slots in the order of `Plan::run`, without scratch. */
template <class Description>
void finishPlan(Plan& plan, const Description& description, const memory::desc& packed, const memory::desc& plain,
                std::vector<Primitive::Slot> slots) {
  slots.push_back({DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()});
  plan.scratch = floatsOf(description.scratchpad_desc());
  plan.packed = floatsOf(packed);
  plan.layout = layoutOf(packed);
  const auto runs = [](const dnnl::primitive& primitive, std::vector<Primitive::Slot> operands) {
    const auto ready = std::make_shared<Primitive>(primitive, std::move(operands));
    return [ready](float* const* at) { ready->run(at); };
  };
  plan.run = runs(dnnl::primitive(description), std::move(slots));
  const bool back = plan.kind == Kind::weights;
  const memory::desc &from = back ? packed : plain, &to = back ? plain : packed;
  const dnnl::reorder::primitive_desc reorder(cpu(), from, cpu(), to, ownScratch());
  plan.reorderScratch = floatsOf(reorder.scratchpad_desc());
  plan.reorder = runs(dnnl::reorder(reorder),
                      {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, reorder.scratchpad_desc()}});
}

/** Throws dnnl::error where oneDNN has none. */
void make(Plan& plan, const Geometry& g, Tag form, bool half) {
  const algorithm how = algorithm::convolution_direct;
  const dnnl::prop_kind pass = dnnl::prop_kind::forward_training;
  const auto f32 = memory::data_type::f32, operand = half ? memory::data_type::bf16 : f32;
  const auto typeOf = [&](Kind result) { return plan.kind == result ? f32 : operand; };
  const memory::desc x(g.x, typeOf(Kind::input), form), y(g.y, typeOf(Kind::output), form);
  const memory::desc any(g.weights, typeOf(Kind::weights), Tag::any), plain(g.weights, f32, Tag::hwio);
  const memory::desc bias = plan.bias ? memory::desc({g.y[1]}, f32, Tag::x) : memory::desc();
  plan.x = floatsOf(x);
  plan.y = floatsOf(y);
  using Forward = dnnl::convolution_forward;
  // For the gradients a hint, whose operands are all of one type.
  const memory::desc in(g.x, operand, form), kernel(g.weights, operand, Tag::any);
  const memory::desc out(g.y, plan.kind == Kind::output ? f32 : operand, form);
  const auto desc = plan.bias ? Forward::desc(pass, how, in, kernel, bias, out, g.strides, g.dilations, g.before, g.after)
                              : Forward::desc(pass, how, in, kernel, out, g.strides, g.dilations, g.before, g.after);
  const Forward::primitive_desc forward(desc, ownScratch(), cpu());
  if (plan.kind == Kind::output) {
    const memory::desc packed = forward.weights_desc();
    std::vector<Primitive::Slot> slots{{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, packed}};
    if (plan.bias) slots.push_back({DNNL_ARG_BIAS, bias});
    slots.push_back({DNNL_ARG_DST, y});
    finishPlan(plan, forward, packed, plain, std::move(slots));
  } else if (plan.kind == Kind::input) {
    using Backward = dnnl::convolution_backward_data;
    const Backward::primitive_desc backward({how, x, any, y, g.strides, g.dilations, g.before, g.after}, ownScratch(), cpu(),
                                            forward);
    const memory::desc packed = backward.weights_desc();
    finishPlan(plan, backward, packed, plain, {{DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DIFF_SRC, x}});
  } else {
    using Backward = dnnl::convolution_backward_weights;
    const Backward::primitive_desc backward({how, x, any, y, g.strides, g.dilations, g.before, g.after}, ownScratch(), cpu(),
                                            forward);
    const memory::desc packed = backward.diff_weights_desc();
    finishPlan(plan, backward, packed, plain, {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_DIFF_WEIGHTS, packed}});
  }
}

}  // namespace

bool direct(Plan& plan, const Geometry& g, bool blocked, bool half) {
  try {
    make(plan, g, blocked ? Tag::nChw16c : Tag::nhwc, half);
    return true;
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments) return false;
    throw;
  }
}

}  // namespace ms
