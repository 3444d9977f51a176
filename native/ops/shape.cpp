#include "../kernels/shape.h"

#include <cstring>

#include "../core/call.h"
#include "../core/recording.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

/** Floats below which one thread copies faster than a team. */
constexpr std::size_t GRAIN = 16384;

void copyFloats(const float* from, float* to, std::size_t count) { std::memmove(to, from, count * sizeof(float)); }

/** concat(inputs, out, outer, inners): out[outer, Σ inners], the rows of the inputs one after another. */
napi_value concat(Call& call) {
  const std::vector<Buffer> inputs = call.buffers("inputs");
  const Buffer out = call.buffer("out", 1);
  const std::size_t outer = call.count("outer");
  const std::vector<std::size_t> inners = call.counts("inners", 1);
  if (inputs.empty() || inputs.size() != inners.size()) {
    call.refuse("%zu inputs and %zu inners, expected as many of either and at least one", inputs.size(), inners.size());
  }
  std::vector<std::size_t> starts{0};
  for (std::size_t i = 0; i < inputs.size(); i++) {
    call.need(inputs[i], product({outer, inners[i]}), "inputs");
    starts.push_back(starts.back() + inners[i]);
  }
  const std::size_t row = starts.back();
  call.need(out, product({outer, row}), "out");
  submit(inputs, {out}, [outer, row, starts](float* const* at) {
    const std::size_t parts = starts.size() - 1;
    parallel(outer * row, GRAIN, [&](std::size_t begin, std::size_t end) {
      std::size_t which = 0;
      for (std::size_t sample = begin / row, column = begin % row; begin < end;) {
        while (column >= starts[which + 1]) which++;
        const std::size_t left = starts[which + 1] - column, count = left < end - begin ? left : end - begin;
        const std::size_t width = starts[which + 1] - starts[which];
        copyFloats(at[which] + sample * width + column - starts[which], at[parts] + begin, count);
        begin += count;
        column += count;
        if (column == row) {
          column = 0;
          which = 0;
          sample++;
        }
      }
    });
  });
  recordConcatenation({outer, inners});
  return nothing(call.env());
}

/** slice(x, out, outer, inner, begin, size): out[outer, size] = x[outer, inner] from column `begin`. */
napi_value slice(Call& call) {
  const Buffer x = call.buffer("x", 1), out = call.buffer("out", 1);
  const std::size_t outer = call.count("outer"), inner = call.count("inner");
  const std::size_t first = call.count("begin", 0, inner - 1), size = call.count("size", 1, inner - first);
  call.need(x, product({outer, inner}), "x");
  call.need(out, outer * size, "out");
  submit({x}, {out}, [outer, inner, first, size](float* const* at) {
    parallel(outer * size, GRAIN, [&](std::size_t begin, std::size_t end) {
      for (std::size_t sample = begin / size, column = begin % size; begin < end; sample++, column = 0) {
        const std::size_t count = size - column < end - begin ? size - column : end - begin;
        copyFloats(at[0] + sample * inner + first + column, at[1] + begin, count);
        begin += count;
      }
    });
  });
  return nothing(call.env());
}

/** The same elements in the same order with as few axes as possible. */
Strided merged(const std::vector<std::size_t>& shape, const std::vector<std::int64_t>& strides, std::int64_t offset) {
  Strided result{};
  result.offset = offset;
  for (std::size_t axis = 0; axis < shape.size(); axis++) {
    if (shape[axis] == 1) continue;
    const std::size_t last = result.rank - 1;
    if (result.rank > 0 && result.strides[last] == strides[axis] * static_cast<std::int64_t>(shape[axis])) {
      result.shape[last] *= shape[axis];
      result.strides[last] = strides[axis];
    } else {
      result.shape[result.rank] = shape[axis];
      result.strides[result.rank++] = strides[axis];
    }
  }
  if (result.rank == 0) {
    result.rank = 1;
    result.shape[0] = 1;
    result.strides[0] = 1;
  }
  return result;
}

/** Throws where an element would come from outside x. */
void checkReach(const Call& call, const Buffer& x, const std::vector<std::size_t>& shape,
                const std::vector<std::int64_t>& strides, std::int64_t offset) {
  std::int64_t lowest = offset, highest = offset;
  for (std::size_t axis = 0; axis < shape.size(); axis++) {
    std::int64_t reach = 0;
    std::int64_t& side = strides[axis] < 0 ? lowest : highest;
    if (__builtin_mul_overflow(static_cast<std::int64_t>(shape[axis]) - 1, strides[axis], &reach) ||
        __builtin_add_overflow(side, reach, &side)) {
      call.refuse("strides reach beyond x");
    }
  }
  if (lowest < 0 || highest >= static_cast<std::int64_t>(x.floats)) {
    call.refuse("strides reach from %lld to %lld, x has %zu floats", static_cast<long long>(lowest),
                static_cast<long long>(highest), x.floats);
  }
}

/** stridedCopy(x, out, shape, strides, offset): out[i, j, ...] = x[offset + i · strides[0] + j · strides[1] + ...]. */
napi_value stridedCopy(Call& call) {
  const Buffer x = call.buffer("x", 1), out = call.buffer("out", 1);
  const std::vector<std::size_t> shape = call.counts("shape", 1);
  const std::vector<std::int64_t> strides = call.integers("strides");
  const std::int64_t offset = call.integer("offset");
  if (shape.size() > AXES || shape.size() != strides.size()) {
    call.refuse("shape has %zu axes and strides %zu, expected the same and at most %zu", shape.size(), strides.size(), AXES);
  }
  const std::size_t size = product(shape);
  call.need(out, size, "out");
  checkReach(call, x, shape, strides, offset);
  const Strided from = merged(shape, strides, offset);
  std::size_t axis = 0;
  const std::size_t last = from.rank - 1;
  while (axis < last && from.strides[axis] != 1) axis++;
  if (axis < last && from.strides[last] != 0 && from.strides[last] != 1 && from.shape[axis] >= 4 && from.shape[last] >= 4) {
    const std::size_t columns = from.shape[last], rows = from.shape[axis];
    const std::size_t units = size / columns / rows * ((rows + TILE - 1) / TILE);
    const std::size_t grain = GRAIN / (TILE * columns) + 1;
    submit({x}, {out}, [from, axis, units, grain](float* const* at) {
      parallel(units, grain, [&](std::size_t begin, std::size_t end) {
        shapeKernels().transpose(at[0], at[1], from, axis, begin, end);
      });
    });
  } else {
    submit({x}, {out}, [from, size](float* const* at) {
      parallel(size, GRAIN, [&](std::size_t begin, std::size_t end) { shapeKernels().copy(at[0], at[1], from, begin, end); });
    });
  }
  return nothing(call.env());
}

struct Padding {
  std::vector<std::size_t> in, out, before;
};

/** Fills floats `begin` .. `end` of the padded result. */
void padPart(const float* x, float* to, const Padding& p, float value, std::size_t begin, std::size_t end) {
  const std::size_t last = p.out.size() - 1, row = p.out[last], from = p.before[last], until = from + p.in[last];
  while (begin < end) {
    const std::size_t column = begin % row, count = row - column < end - begin ? row - column : end - begin;
    bool inside = true;
    std::size_t source = 0, rest = begin / row;
    std::size_t stride = 1;
    for (std::size_t axis = last; axis-- > 0; rest /= p.out[axis]) {
      stride *= axis + 1 == last ? 1 : p.in[axis + 1];
      const std::size_t i = rest % p.out[axis];
      inside = inside && i >= p.before[axis] && i < p.before[axis] + p.in[axis];
      source += (i - p.before[axis]) * stride;
    }
    float* at = to + begin;
    const std::size_t stop = column + count;
    std::size_t k = column;
    for (; k < stop && (!inside || k < from); k++) *at++ = value;
    if (k < stop && k < until) {
      const std::size_t filled = (until < stop ? until : stop) - k;
      copyFloats(x + source * p.in[last] + k - from, at, filled);
      at += filled;
      k += filled;
    }
    for (; k < stop; k++) *at++ = value;
    begin += count;
  }
}

/** pad(x, out, inShape, outShape, before, value): x at `before` in a larger box of `value`. */
napi_value pad(Call& call) {
  const Buffer x = call.buffer("x", 1), out = call.buffer("out", 1);
  const std::vector<std::size_t> in = call.counts("inShape", 1), box = call.counts("outShape", 1);
  const std::vector<std::size_t> before = call.counts("before");
  const float value = static_cast<float>(call.number("value"));
  if (in.size() != box.size() || in.size() != before.size()) {
    call.refuse("inShape has %zu axes, outShape %zu and before %zu, expected the same", in.size(), box.size(), before.size());
  }
  Padding p{{1}, {1}, {0}};
  for (std::size_t axis = 0; axis < in.size(); axis++) {
    if (before[axis] + in[axis] > box[axis]) {
      call.refuse("axis %zu: %zu before and %zu of x do not fit into %zu", axis, before[axis], in[axis], box[axis]);
    }
    // Axes without padding belong to the one before them: rows become longer.
    if (in[axis] == box[axis]) {
      p.in.back() = product({p.in.back(), in[axis]});
      p.out.back() = product({p.out.back(), in[axis]});
      p.before.back() = product({p.before.back(), in[axis]});
    } else {
      p.in.push_back(in[axis]);
      p.out.push_back(box[axis]);
      p.before.push_back(before[axis]);
    }
  }
  const std::size_t size = product(box);
  call.need(x, product(in), "x");
  call.need(out, size, "out");
  submit({x}, {out}, [p, value, size](float* const* at) {
    parallel(size, GRAIN, [&](std::size_t begin, std::size_t end) { padPart(at[0], at[1], p, value, begin, end); });
  });
  return nothing(call.env());
}

/** take(x, out, outer, size, inner, indices): out[outer, indices.length, inner], rows of x[outer, size, inner] by index. */
napi_value take(Call& call) {
  const Buffer x = call.buffer("x", 1), out = call.buffer("out", 1);
  const std::size_t outer = call.count("outer"), size = call.count("size"), inner = call.count("inner");
  const std::vector<std::size_t> indices = call.counts("indices");
  for (const std::size_t index : indices) {
    if (index >= size) call.refuse("indices has %zu, expected less than %zu", index, size);
  }
  call.need(x, product({outer, size, inner}), "x");
  call.need(out, product({outer, indices.size(), inner}), "out");
  submit({x}, {out}, [outer, size, inner, indices](float* const* at) {
    parallel(outer * indices.size(), GRAIN / inner + 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; row++) {
        const std::size_t sample = row / indices.size(), index = indices[row % indices.size()];
        copyFloats(at[0] + (sample * size + index) * inner, at[1] + row * inner, inner);
      }
    });
  });
  return nothing(call.env());
}

}  // namespace

void defineShape(napi_env env, napi_value exports) {
  define(env, exports, "concat", concat);
  define(env, exports, "slice", slice);
  define(env, exports, "stridedCopy", stridedCopy);
  define(env, exports, "pad", pad);
  define(env, exports, "take", take);
}

}  // namespace ms
