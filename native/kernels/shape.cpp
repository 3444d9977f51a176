#include "shape.h"

namespace ms {
namespace MS_ISA {
namespace {

void copyRow(const float* from, float* to, std::size_t count, std::int64_t stride) {
  if (stride == 1) {
    for (std::size_t i = 0; i < count; i++) to[i] = from[i];
  } else if (stride == 0) {
    const float value = *from;
    for (std::size_t i = 0; i < count; i++) to[i] = value;
  } else {
    for (std::size_t i = 0; i < count; i++) to[i] = from[static_cast<std::int64_t>(i) * stride];
  }
}

void copy(const float* x, float* out, const Strided& from, std::size_t begin, std::size_t end) {
  const std::size_t last = from.rank - 1, row = from.shape[last];
  std::size_t index[AXES];
  std::int64_t at = from.offset;
  std::size_t rest = begin / row;
  for (std::size_t axis = last; axis-- > 0; rest /= from.shape[axis]) {
    index[axis] = rest % from.shape[axis];
    at += static_cast<std::int64_t>(index[axis]) * from.strides[axis];
  }
  std::size_t column = begin % row;
  while (begin < end) {
    const std::size_t count = row - column < end - begin ? row - column : end - begin;
    copyRow(x + at + static_cast<std::int64_t>(column) * from.strides[last], out + begin, count, from.strides[last]);
    begin += count;
    column = 0;
    for (std::size_t axis = last; axis-- > 0;) {
      at += from.strides[axis];
      if (++index[axis] < from.shape[axis]) break;
      at -= static_cast<std::int64_t>(from.shape[axis]) * from.strides[axis];
      index[axis] = 0;
    }
  }
}

/** `rows` x `columns` of the result; x is contiguous along its rows, the result along its columns. */
void tile(const float* x, float* out, std::size_t rows, std::size_t columns, std::int64_t stride, std::size_t outStride) {
  if (rows == TILE && columns == TILE) {
    for (std::size_t i = 0; i < TILE; i++) {
      for (std::size_t j = 0; j < TILE; j++) out[i * outStride + j] = x[static_cast<std::int64_t>(j) * stride + static_cast<std::int64_t>(i)];
    }
    return;
  }
  for (std::size_t i = 0; i < rows; i++) {
    for (std::size_t j = 0; j < columns; j++) out[i * outStride + j] = x[static_cast<std::int64_t>(j) * stride + static_cast<std::int64_t>(i)];
  }
}

void transpose(const float* x, float* out, const Strided& from, std::size_t axis, std::size_t begin, std::size_t end) {
  const std::size_t last = from.rank - 1, columns = from.shape[last], size = from.shape[axis];
  std::size_t outStrides[AXES];
  outStrides[last] = 1;
  for (std::size_t a = last; a-- > 0;) outStrides[a] = outStrides[a + 1] * from.shape[a + 1];
  const std::size_t tiles = (size + TILE - 1) / TILE;
  for (std::size_t unit = begin; unit < end; unit++) {
    const std::size_t first = unit % tiles * TILE;
    std::size_t rest = unit / tiles, to = first * outStrides[axis];
    std::int64_t at = from.offset + static_cast<std::int64_t>(first);
    for (std::size_t a = last; a-- > 0;) {
      if (a == axis) continue;
      const std::size_t i = rest % from.shape[a];
      rest /= from.shape[a];
      at += static_cast<std::int64_t>(i) * from.strides[a];
      to += i * outStrides[a];
    }
    const std::size_t rows = size - first < TILE ? size - first : TILE;
    for (std::size_t j = 0; j < columns; j += TILE) {
      tile(x + at + static_cast<std::int64_t>(j) * from.strides[last], out + to + j, rows,
           columns - j < TILE ? columns - j : TILE, from.strides[last], outStrides[axis]);
    }
  }
}

}  // namespace

const ShapeKernels shapeKernels{copy, transpose};

}  // namespace MS_ISA
}  // namespace ms
