#include "../kernels/pool.h"

#include <cstring>

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

/** Entries of windows below which one thread is enough. */
constexpr std::size_t GRAIN = 16384;
constexpr std::size_t LARGEST = std::size_t{1} << 20;

/** batch, inHeight, inWidth, channels, outHeight, outWidth, filterHeight, filterWidth, strides, padTop, padLeft. */
Pooling poolingOf(Call& call) {
  Pooling p;
  p.batch = call.count("batch");
  p.inHeight = call.count("inHeight");
  p.inWidth = call.count("inWidth");
  p.channels = call.count("channels");
  p.outHeight = call.count("outHeight");
  p.outWidth = call.count("outWidth");
  p.filterHeight = call.count("filterHeight", 1, LARGEST);
  p.filterWidth = call.count("filterWidth", 1, LARGEST);
  p.strideHeight = call.count("strideHeight", 1, LARGEST);
  p.strideWidth = call.count("strideWidth", 1, LARGEST);
  p.padTop = call.count("padTop", 0, LARGEST);
  p.padLeft = call.count("padLeft", 0, LARGEST);
  // Places in a window are counted with 31 bits.
  if (product({p.filterHeight, p.filterWidth}) > 0x7fffffff) {
    call.refuse("the window of %zu x %zu is too large", p.filterHeight, p.filterWidth);
  }
  return p;
}

std::size_t mapFloats(const Pooling& p) { return product({p.batch, p.inHeight, p.inWidth, p.channels}); }
std::size_t pooledFloats(const Pooling& p) { return product({p.batch, p.outHeight, p.outWidth, p.channels}); }

/** Rows of windows that are worth a thread of their own. */
std::size_t grainOf(const Pooling& p) {
  const std::size_t height = p.filterHeight < p.inHeight ? p.filterHeight : p.inHeight;
  const std::size_t width = p.filterWidth < p.inWidth ? p.filterWidth : p.inWidth;
  return GRAIN / product({p.outWidth, p.channels, height, width}) + 1;
}

napi_value pool(Call& call, decltype(PoolKernels::max) PoolKernels::* kernel) {
  const Buffer x = call.buffer("x", 1), out = call.buffer("out", 1);
  const Pooling p = poolingOf(call);
  call.need(x, mapFloats(p), "x");
  call.need(out, pooledFloats(p), "out");
  submit({x}, {out}, [p, kernel, grain = grainOf(p)](float* const* at) {
    parallel(p.batch * p.outHeight, grain, [&](std::size_t begin, std::size_t end) {
      (poolKernels().*kernel)(at[0], at[1], p, begin, end);
    });
  });
  return nothing(call.env());
}

/** maxPool(x, out, ...pooling): the largest entry of each window. */
napi_value maxPool(Call& call) { return pool(call, &PoolKernels::max); }

/** averagePool(x, out, ...pooling): the mean of the entries of each window that lie inside the map. */
napi_value averagePool(Call& call) { return pool(call, &PoolKernels::average); }

/** True where every entry of the map lies in one window and no other. */
bool tiles(const Pooling& p) {
  return p.strideHeight == p.filterHeight && p.strideWidth == p.filterWidth &&
         p.outHeight * p.strideHeight >= p.inHeight + p.padTop && p.outWidth * p.strideWidth >= p.inWidth + p.padLeft;
}

/** Clears dx and adds the gradient of windows `begin` .. `end` of [batch, outHeight]. */
template <class Add>
void gradient(float* dx, const Pooling& p, std::size_t grain, const Add& add) {
  const std::size_t row = p.inWidth * p.channels;
  const auto clear = [&](std::size_t from, std::size_t to) { std::memset(dx + from * row, 0, (to - from) * row * sizeof(float)); };
  if (p.strideHeight < p.filterHeight) {
    // Windows of one sample share entries.
    parallel(p.batch, grain / p.outHeight + 1, [&](std::size_t begin, std::size_t end) {
      clear(begin * p.inHeight, end * p.inHeight);
      add(begin * p.outHeight, end * p.outHeight);
    });
    return;
  }
  // A row of windows owns the rows of the map from its first to the next one's first.
  const auto firstOf = [&](std::size_t line) {
    const std::size_t window = line % p.outHeight, sample = line / p.outHeight;
    const std::size_t start = window * p.strideHeight, top = start > p.padTop && window > 0 ? start - p.padTop : 0;
    return sample * p.inHeight + (top < p.inHeight ? top : p.inHeight);
  };
  parallel(p.batch * p.outHeight, grain, [&](std::size_t begin, std::size_t end) {
    clear(firstOf(begin), firstOf(end));
    add(begin, end);
  });
}

/** maxPoolGradient(dy, x, dx, ...pooling): dy goes to the first largest entry of each window in row order. */
napi_value maxPoolGradient(Call& call) {
  const Buffer dy = call.buffer("dy", 1), x = call.buffer("x", 1), dx = call.buffer("dx", 1);
  const Pooling p = poolingOf(call);
  call.need(dy, pooledFloats(p), "dy");
  call.need(x, mapFloats(p), "x");
  call.need(dx, mapFloats(p), "dx");
  submit({dy, x}, {dx}, [p, grain = grainOf(p)](float* const* at) {
    if (tiles(p)) {
      parallel(p.batch * p.outHeight, grain, [&](std::size_t begin, std::size_t end) {
        poolKernels().maxGradient(at[0], at[1], at[2], p, false, begin, end);
      });
      return;
    }
    gradient(at[2], p, grain, [&](std::size_t begin, std::size_t end) {
      poolKernels().maxGradient(at[0], at[1], at[2], p, true, begin, end);
    });
  });
  return nothing(call.env());
}

/** averagePoolGradient(dy, dx, ...pooling): every entry of a window gets dy / (filterHeight · filterWidth), as in tfjs. */
napi_value averagePoolGradient(Call& call) {
  const Buffer dy = call.buffer("dy", 1), dx = call.buffer("dx", 1);
  const Pooling p = poolingOf(call);
  call.need(dy, pooledFloats(p), "dy");
  call.need(dx, mapFloats(p), "dx");
  submit({dy}, {dx}, [p, grain = grainOf(p)](float* const* at) {
    gradient(at[1], p, grain, [&](std::size_t begin, std::size_t end) {
      poolKernels().averageGradient(at[0], at[1], p, begin, end);
    });
  });
  return nothing(call.env());
}

}  // namespace

void definePool(napi_env env, napi_value exports) {
  define(env, exports, "maxPool", maxPool);
  define(env, exports, "averagePool", averagePool);
  define(env, exports, "maxPoolGradient", maxPoolGradient);
  define(env, exports, "averagePoolGradient", averagePoolGradient);
}

}  // namespace ms
