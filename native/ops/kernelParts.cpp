#include <cstring>

#include "../core/call.h"
#include "../core/worker.h"
#include "../kernels/elementwise.h"
#include "../kernels/layout.h"
#include "families.h"

namespace ms {
namespace {

/** Side of a part of a kernel. */
constexpr std::size_t PART = 3;
/** Rows that are worth a thread. */
constexpr std::size_t GRAIN_FLOATS = 16384;

/**
 * Maps of a convolution with a large kernel, which is computed as one of 3x3 that reads every map `parts`² times, each time
 * shifted by 3 pixels more. All blocked: x [batch, blocks, height, width, 16], and its shifted copies
 * [batch, parts² · blocks, outHeight + 2, outWidth + 2, 16], zero where they reach beyond x.
 */
struct Shifts {
  std::size_t batch, blocks, height, width, rows, columns, top, left, parts;
  std::size_t xFloats() const { return batch * blocks * height * width * BLOCK; }
  std::size_t shiftedFloats() const { return batch * parts * parts * blocks * rows * columns * BLOCK; }
  std::size_t grain() const { return GRAIN_FLOATS / (columns * BLOCK) + 1; }
};

/** batch, blocks, height, width, outHeight, outWidth, top, left, parts */
Shifts shiftsOf(Call& call) {
  constexpr std::size_t side = std::size_t{1} << 20;
  Shifts s{};
  s.batch = call.count("batch");
  s.blocks = call.count("blocks");
  s.height = call.count("height", 1, side);
  s.width = call.count("width", 1, side);
  s.rows = call.count("outHeight", 1, side) + PART - 1;
  s.columns = call.count("outWidth", 1, side) + PART - 1;
  s.top = call.count("top", 0, side);
  s.left = call.count("left", 0, side);
  s.parts = call.count("parts", 1, 16);
  product({s.batch, s.blocks, s.height, s.width, BLOCK});
  product({s.batch, s.parts * s.parts, s.blocks, s.rows, s.columns, BLOCK});
  return s;
}

/** For a shift: the first of `size` places p with p + shift - before in [0, limit), and how many there are. */
struct Range {
  std::size_t first, count;
};

Range within(std::size_t size, std::size_t limit, std::size_t shift, std::size_t before) {
  const std::size_t first = before > shift ? before - shift : 0;
  const std::size_t end = limit + before > shift ? limit + before - shift : 0, last = end < size ? end : size;
  return {first, last > first ? last - first : 0};
}

/** spreadParts(batch, blocks, height, width, outHeight, outWidth, top, left, parts, x, shifted) */
napi_value spread(Call& call) {
  const Shifts s = shiftsOf(call);
  const Buffer x = call.buffer("x", s.xFloats()), shifted = call.buffer("shifted", s.shiftedFloats());
  submit({x}, {shifted}, [s](float* const* at) {
    parallel(s.batch * s.parts * s.parts * s.blocks * s.rows, s.grain(), [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; i++) {
        const std::size_t row = i % s.rows, block = i / s.rows % s.blocks, part = i / s.rows / s.blocks % (s.parts * s.parts);
        const std::size_t sample = i / s.rows / s.blocks / (s.parts * s.parts);
        const std::size_t down = part / s.parts * PART, across = part % s.parts * PART;
        float* to = at[1] + i * s.columns * BLOCK;
        const Range inside = within(s.columns, s.width, across, s.left);
        if (row + down < s.top || row + down - s.top >= s.height || inside.count == 0) {
          std::memset(to, 0, s.columns * BLOCK * sizeof(float));
          continue;
        }
        const float* line = at[0] + ((sample * s.blocks + block) * s.height + row + down - s.top) * s.width * BLOCK;
        std::memset(to, 0, inside.first * BLOCK * sizeof(float));
        std::memcpy(to + inside.first * BLOCK, line + (inside.first + across - s.left) * BLOCK, inside.count * BLOCK * sizeof(float));
        const std::size_t after = inside.first + inside.count;
        std::memset(to + after * BLOCK, 0, (s.columns - after) * BLOCK * sizeof(float));
      }
    });
  });
  return nothing(call.env());
}

/** gatherParts(batch, blocks, height, width, outHeight, outWidth, top, left, parts, shifted, x): x is the sum of what was spread. */
napi_value gather(Call& call) {
  const Shifts s = shiftsOf(call);
  const Buffer shifted = call.buffer("shifted", s.shiftedFloats()), x = call.buffer("x", s.xFloats());
  submit({shifted}, {x}, [s](float* const* at) {
    const Binary add = elementwise().binary[static_cast<int>(BinaryName::Add)];
    parallel(s.batch * s.blocks * s.height, s.grain(), [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; i++) {
        const std::size_t y = i % s.height, block = i / s.height % s.blocks, sample = i / s.height / s.blocks;
        float* to = at[1] + i * s.width * BLOCK;
        std::memset(to, 0, s.width * BLOCK * sizeof(float));
        for (std::size_t part = 0; part < s.parts * s.parts; part++) {
          const std::size_t down = part / s.parts * PART, across = part % s.parts * PART;
          // Column c of a copy is column c + across - left of x.
          const Range inside = within(s.columns, s.width, across, s.left);
          if (y + s.top < down || y + s.top - down >= s.rows || inside.count == 0) continue;
          const float* line =
              at[0] + (((sample * s.parts * s.parts + part) * s.blocks + block) * s.rows + y + s.top - down) * s.columns * BLOCK;
          float* place = to + (inside.first + across - s.left) * BLOCK;
          add(place, false, line + inside.first * BLOCK, false, place, inside.count * BLOCK);
        }
      }
    });
  });
  return nothing(call.env());
}

/** Weights [side, side, in, out], and their parts [3, 3, parts² · in, out], zero where they reach beyond the kernel. */
struct Weights {
  std::size_t side, in, out, parts;
  std::size_t floats() const { return side * side * in * out; }
  std::size_t partFloats() const { return PART * PART * parts * parts * in * out; }
};

/** side, in, out */
Weights weightsOf(Call& call) {
  Weights w{};
  w.side = call.count("side", 1, 48);
  w.in = call.count("in");
  w.out = call.count("out");
  w.parts = (w.side + PART - 1) / PART;
  product({PART * PART * w.parts * w.parts, w.in, w.out});
  return w;
}

/** Runs body(place in the parts, place in the weights or side · side where there is none) for rows of in · out floats. */
template <class Body>
void eachTap(const Weights& w, const Body& body) {
  for (std::size_t tap = 0; tap < PART * PART; tap++) {
    for (std::size_t part = 0; part < w.parts * w.parts; part++) {
      const std::size_t y = part / w.parts * PART + tap / PART, x = part % w.parts * PART + tap % PART;
      body(tap * w.parts * w.parts + part, y < w.side && x < w.side ? y * w.side + x : w.side * w.side);
    }
  }
}

/** packParts(side, in, out, weights, parts) */
napi_value pack(Call& call) {
  const Weights w = weightsOf(call);
  const Buffer weights = call.buffer("weights", w.floats()), parts = call.buffer("parts", w.partFloats());
  submit({weights}, {parts}, [w](float* const* at) {
    const std::size_t row = w.in * w.out, bytes = row * sizeof(float);
    eachTap(w, [&](std::size_t to, std::size_t from) {
      if (from < w.side * w.side) std::memcpy(at[1] + to * row, at[0] + from * row, bytes);
      else std::memset(at[1] + to * row, 0, bytes);
    });
  });
  return nothing(call.env());
}

/** unpackParts(side, in, out, parts, weights) */
napi_value unpack(Call& call) {
  const Weights w = weightsOf(call);
  const Buffer parts = call.buffer("parts", w.partFloats()), weights = call.buffer("weights", w.floats());
  submit({parts}, {weights}, [w](float* const* at) {
    const std::size_t row = w.in * w.out;
    eachTap(w, [&](std::size_t from, std::size_t to) {
      if (to < w.side * w.side) std::memcpy(at[1] + to * row, at[0] + from * row, row * sizeof(float));
    });
  });
  return nothing(call.env());
}

}  // namespace

void defineKernelParts(napi_env env, napi_value exports) {
  define(env, exports, "spreadParts", spread);
  define(env, exports, "gatherParts", gather);
  define(env, exports, "packParts", pack);
  define(env, exports, "unpackParts", unpack);
}

}  // namespace ms
