#include "../kernels/elementwise.h"

#include <cstring>

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

/** Floats a thread should at least have. */
constexpr std::size_t GRAIN = 16384;

#define MS_TEXT(name) #name,
constexpr const char* UNARY[] = {MS_UNARY(MS_TEXT)};
constexpr const char* BINARY[] = {MS_BINARY(MS_TEXT)};

template <std::size_t COUNT>
std::size_t find(Call& call, const char* const (&names)[COUNT]) {
  const std::string name = call.text("function");
  for (std::size_t i = 0; i < COUNT; i++) {
    if (name == names[i]) return i;
  }
  call.refuse("no function %s", name.c_str());
}

/** unary(function, x, y, floats, p, q): y = f(x); p and q are the function's parameters. */
napi_value unary(Call& call) {
  const Unary run = elementwise().unary[find(call, UNARY)];
  const Buffer x = call.buffer("x", 1), y = call.buffer("y", 1);
  const std::size_t floats = call.count("floats");
  call.need(x, floats, "x");
  call.need(y, floats, "y");
  const float p = static_cast<float>(call.number("p")), q = static_cast<float>(call.number("q"));
  submit({x}, {y}, GRAIN, Elements{floats, [=](float* const* at, std::size_t n) { run(at[0], at[1], n, p, q); }});
  return nothing(call.env());
}

/** Sizes of the result, and how far a step along each axis goes in the operands: 0 where an operand is repeated. */
struct Axes {
  std::vector<std::size_t> sizes, a, b;
};

/** Leaves out axes of one entry and joins those that both operands pass in one stride. At least one axis is left. */
Axes joined(const Axes& axes) {
  Axes result;
  for (std::size_t i = 0; i < axes.sizes.size(); i++) {
    if (axes.sizes[i] == 1) continue;
    const bool first = result.sizes.empty();
    if (!first && result.a.back() == axes.a[i] * axes.sizes[i] && result.b.back() == axes.b[i] * axes.sizes[i]) {
      result.sizes.back() *= axes.sizes[i];
      result.a.back() = axes.a[i];
      result.b.back() = axes.b[i];
    } else {
      result.sizes.push_back(axes.sizes[i]);
      result.a.push_back(axes.a[i]);
      result.b.push_back(axes.b[i]);
    }
  }
  if (result.sizes.empty()) return {{1}, {1}, {1}};
  return result;
}

/** Floats that an operand with these strides is read over; throws where that passes 2^40. */
std::size_t reach(const std::vector<std::size_t>& sizes, const std::vector<std::size_t>& strides) {
  std::size_t last = 0;
  for (std::size_t i = 0; i < sizes.size(); i++) last += product({sizes[i] - 1, strides[i]});
  return last + 1;
}

/** Innermost rows one after another: function calls on `inner` numbers, or fewer where a thread's part begins or ends. */
void rows(Binary run, const Axes& axes, const float* a, const float* b, float* y, std::size_t begin, std::size_t end) {
  const std::size_t last = axes.sizes.size() - 1, inner = axes.sizes[last];
  const bool aFixed = axes.a[last] == 0, bFixed = axes.b[last] == 0;
  std::size_t where[8] = {};
  std::size_t column = begin % inner, fromA = 0, fromB = 0;
  std::size_t row = begin / inner;
  for (std::size_t axis = last; axis-- > 0;) {
    where[axis] = row % axes.sizes[axis];
    row /= axes.sizes[axis];
    fromA += where[axis] * axes.a[axis];
    fromB += where[axis] * axes.b[axis];
  }
  for (std::size_t i = begin; i < end; column = 0) {
    const std::size_t n = inner - column < end - i ? inner - column : end - i;
    run(a + fromA + (aFixed ? 0 : column), aFixed, b + fromB + (bFixed ? 0 : column), bFixed, y + i, n);
    i += n;
    for (std::size_t axis = last; axis-- > 0;) {
      fromA += axes.a[axis];
      fromB += axes.b[axis];
      if (++where[axis] < axes.sizes[axis]) break;
      fromA -= axes.sizes[axis] * axes.a[axis];
      fromB -= axes.sizes[axis] * axes.b[axis];
      where[axis] = 0;
    }
  }
}

/** Room for a repeated short vector. */
constexpr std::size_t TILE = 512;

/**
 * For a short vector along the channels of many pixels: written several times into a tile, so that one call of the function
 * does many pixels. `axes` are those of whole maps: [..., pixels, channels].
 */
void tiled(Binary run, const Axes& axes, bool aShort, const float* a, const float* b, float* y, std::size_t begin,
           std::size_t end) {
  const std::size_t last = axes.sizes.size() - 1, inner = axes.sizes[last], map = axes.sizes[last - 1] * inner;
  float tile[TILE];
  const std::size_t whole = TILE / inner * inner;
  for (std::size_t i = begin; i < end;) {
    std::size_t rest = i / map, fromA = 0, fromB = 0;
    for (std::size_t axis = last - 1; axis-- > 0;) {
      fromA += rest % axes.sizes[axis] * axes.a[axis];
      fromB += rest % axes.sizes[axis] * axes.b[axis];
      rest /= axes.sizes[axis];
    }
    const float* vector = aShort ? a + fromA : b + fromB;
    for (std::size_t k = 0; k < whole; k += inner) std::memcpy(tile + k, vector, inner * sizeof(float));
    const std::size_t start = i % map, stop = map - start < end - i ? map : start + (end - i);
    for (std::size_t at = start; at < stop;) {
      const std::size_t phase = at % inner, n = whole - phase < stop - at ? whole - phase : stop - at;
      run(aShort ? tile + phase : a + fromA + at, false, aShort ? b + fromB + at : tile + phase, false, y + i, n);
      at += n;
      i += n;
    }
  }
}

/** True where, along the last two axes, one operand is a short vector and the other runs on. */
bool isShort(const Axes& axes, const std::vector<std::size_t>& vector, const std::vector<std::size_t>& other) {
  const std::size_t last = axes.sizes.size() - 1;
  if (last == 0 || axes.sizes[last] > TILE / 4 || axes.sizes[last - 1] < 4) return false;
  return vector[last] == 1 && vector[last - 1] == 0 && other[last] == 1 && other[last - 1] == axes.sizes[last];
}

/**
 * binary(function, a, b, y, sizes, aStrides, bStrides): y = f(a, b), y without gaps. A stride of 0 repeats an operand along
 * an axis; along the last axis longer than 1, strides are 0 or 1.
 */
napi_value binary(Call& call) {
  const Binary run = elementwise().binary[find(call, BINARY)];
  const Buffer a = call.buffer("a", 1), b = call.buffer("b", 1), y = call.buffer("y", 1);
  const Axes given{call.counts("sizes", 1), call.counts("aStrides"), call.counts("bStrides")};
  const std::size_t rank = given.sizes.size();
  if (rank > 8) call.refuse("%zu axes, expected at most 8", rank);
  if (given.a.size() != rank || given.b.size() != rank) {
    call.refuse("%zu and %zu strides for %zu axes", given.a.size(), given.b.size(), rank);
  }
  const std::size_t floats = product(given.sizes);
  call.need(a, reach(given.sizes, given.a), "a");
  call.need(b, reach(given.sizes, given.b), "b");
  call.need(y, floats, "y");
  const Axes axes = joined(given);
  if (axes.a.back() > 1 || axes.b.back() > 1) call.refuse("strides of the last axis are not 0 or 1");
  const std::size_t aStep = axes.a[0], bStep = axes.b[0];
  if (axes.sizes.size() == 1 && aStep + bStep > 0) {
    const auto each = [=](float* const* at, std::size_t n) { run(at[0], aStep == 0, at[1], bStep == 0, at[2], n); };
    submit({a, b}, {y}, GRAIN, Elements{floats, each, (aStep == 0 ? 1U : 0U) | (bStep == 0 ? 2U : 0U)});
    return nothing(call.env());
  }
  const bool aShort = isShort(axes, axes.a, axes.b), bShort = isShort(axes, axes.b, axes.a);
  submit({a, b}, {y}, [=](float* const* at) {
    parallel(floats, GRAIN, [&](std::size_t begin, std::size_t end) {
      if (aShort || bShort) tiled(run, axes, aShort, at[0], at[1], at[2], begin, end);
      else rows(run, axes, at[0], at[1], at[2], begin, end);
    });
  });
  return nothing(call.env());
}

/** select(condition, a, b, y, rows, inner): y = condition is 1 ? a : b; one condition for `inner` numbers. */
napi_value select(Call& call) {
  const Buffer condition = call.buffer("condition", 1), a = call.buffer("a", 1), b = call.buffer("b", 1);
  const Buffer y = call.buffer("y", 1);
  const std::size_t rows = call.count("rows"), inner = call.count("inner"), floats = product({rows, inner});
  call.need(condition, rows, "condition");
  call.need(a, floats, "a");
  call.need(b, floats, "b");
  call.need(y, floats, "y");
  if (inner == 1) {
    const auto each = [](float* const* at, std::size_t n) { elementwise().select(at[0], at[1], at[2], at[3], 1, 0, n); };
    submit({condition, a, b}, {y}, GRAIN, Elements{floats, each});
    return nothing(call.env());
  }
  submit({condition, a, b}, {y}, [=](float* const* at) {
    parallel(floats, GRAIN, [&](std::size_t begin, std::size_t end) {
      elementwise().select(at[0], at[1], at[2], at[3], inner, begin, end);
    });
  });
  return nothing(call.env());
}

/** addAll(inputs, y, floats): y = the sum of all inputs, added in their order. */
napi_value addAll(Call& call) {
  const std::vector<Buffer> inputs = call.buffers("inputs");
  const Buffer y = call.buffer("y", 1);
  const std::size_t floats = call.count("floats"), count = inputs.size();
  if (count == 0) call.refuse("no inputs");
  for (const Buffer& input : inputs) call.need(input, floats, "inputs");
  call.need(y, floats, "y");
  if (count < Elements::MOST) {
    const auto each = [count](float* const* at, std::size_t n) { elementwise().addAll(at, count, at[count], 0, n); };
    submit(inputs, {y}, GRAIN, Elements{floats, each}, SUM);
    return nothing(call.env());
  }
  submit(inputs, {y}, [=](float* const* at) {
    parallel(floats, GRAIN, [&](std::size_t begin, std::size_t end) {
      elementwise().addAll(at, count, at[count], begin, end);
    });
  });
  return nothing(call.env());
}

/** fill(y, floats, value) */
napi_value fill(Call& call) {
  const Buffer y = call.buffer("y", 1);
  const std::size_t floats = call.count("floats");
  call.need(y, floats, "y");
  const float value = static_cast<float>(call.number("value"));
  const auto each = [value](float* const* at, std::size_t n) { elementwise().fill(at[0], n, value); };
  submit({}, {y}, GRAIN, Elements{floats, each});
  return nothing(call.env());
}

}  // namespace

void defineElementwise(napi_env env, napi_value exports) {
  define(env, exports, "unary", unary);
  define(env, exports, "binary", binary);
  define(env, exports, "select", select);
  define(env, exports, "addAll", addAll);
  define(env, exports, "fill", fill);
}

}  // namespace ms
