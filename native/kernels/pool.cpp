#include "pool.h"

#include "lanes.h"

namespace ms {
namespace MS_ISA {
namespace {

constexpr float LOWEST = -__builtin_inff();

/** Rows or columns of the map under one window. */
struct Range {
  std::size_t begin, end;
};

Range clip(std::size_t window, std::size_t stride, std::size_t pad, std::size_t filter, std::size_t size) {
  const std::int64_t first = static_cast<std::int64_t>(window * stride) - static_cast<std::int64_t>(pad);
  const std::int64_t last = first + static_cast<std::int64_t>(filter), most = static_cast<std::int64_t>(size);
  const std::int64_t begin = first < 0 ? 0 : first, end = last > most ? most : last;
  return {static_cast<std::size_t>(begin), static_cast<std::size_t>(end > begin ? end : begin)};
}

/** Calls step(first float of the map, rows, columns, floats of the windows' place in the result) for every window. */
template <class Step>
MS_INLINE void windows(const Pooling& p, std::size_t begin, std::size_t end, const Step& step) {
  for (std::size_t line = begin; line < end; line++) {
    const std::size_t sample = line / p.outHeight;
    const Range rows = clip(line % p.outHeight, p.strideHeight, p.padTop, p.filterHeight, p.inHeight);
    for (std::size_t window = 0; window < p.outWidth; window++) {
      const Range columns = clip(window, p.strideWidth, p.padLeft, p.filterWidth, p.inWidth);
      step(sample * p.inHeight * p.inWidth * p.channels, rows, columns, (line * p.outWidth + window) * p.channels);
    }
  }
}

/** Calls entry(place of its first channel in the map's floats) for every entry of a window, row by row. */
template <class Entry>
MS_INLINE void entries(const Pooling& p, std::size_t map, Range rows, Range columns, const Entry& entry) {
  for (std::size_t i = rows.begin; i < rows.end; i++) {
    std::size_t at = map + (i * p.inWidth + columns.begin) * p.channels;
    for (std::size_t j = columns.begin; j < columns.end; j++, at += p.channels) entry(at);
  }
}

void max(const float* x, float* out, const Pooling& pooling, std::size_t begin, std::size_t end) {
  const Pooling p = pooling;
  windows(p, begin, end, [=](std::size_t map, Range rows, Range columns, std::size_t to) {
    eachLanes(p.channels, [=](std::size_t channel, auto lanes) {
      Lanes largest = all(LOWEST);
      entries(p, map + channel, rows, columns, [&](std::size_t at) { largest = larger(lanes.load(x + at), largest); });
      lanes.store(out + to + channel, largest);
    });
  });
}

void average(const float* x, float* out, const Pooling& pooling, std::size_t begin, std::size_t end) {
  const Pooling p = pooling;
  windows(p, begin, end, [=](std::size_t map, Range rows, Range columns, std::size_t to) {
    const float count = static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
    eachLanes(p.channels, [=](std::size_t channel, auto lanes) {
      Lanes sum = all(0);
      entries(p, map + channel, rows, columns, [&](std::size_t at) { sum += lanes.load(x + at); });
      lanes.store(out + to + channel, sum / count);
    });
  });
}

template <bool ADD>
void maxGradientOf(const float* dy, const float* x, float* dx, const Pooling& pooling, std::size_t begin, std::size_t end) {
  const Pooling p = pooling;
  windows(p, begin, end, [=](std::size_t map, Range rows, Range columns, std::size_t from) {
    eachLanes(p.channels, [=](std::size_t channel, auto lanes) {
      Lanes largest = all(LOWEST);
      Whole first = {}, entry = {};
      entries(p, map + channel, rows, columns, [&](std::size_t at) {
        const Lanes value = lanes.load(x + at);
        entry += 1;
        first = value > largest ? entry : first;
        largest = larger(value, largest);
      });
      const Lanes slope = lanes.load(dy + from + channel);
      entry = Whole{};
      entries(p, map + channel, rows, columns, [&](std::size_t at) {
        entry += 1;
        const Lanes share = first == entry ? slope : all(0);
        lanes.store(dx + at, ADD ? lanes.load(dx + at) + share : share);
      });
    });
  });
}

void maxGradient(const float* dy, const float* x, float* dx, const Pooling& p, bool add, std::size_t begin, std::size_t end) {
  if (add) maxGradientOf<true>(dy, x, dx, p, begin, end);
  else maxGradientOf<false>(dy, x, dx, p, begin, end);
}

void averageGradient(const float* dy, float* dx, const Pooling& p, std::size_t begin, std::size_t end) {
  const float share = 1 / static_cast<float>(p.filterHeight * p.filterWidth);
  windows(p, begin, end, [&](std::size_t map, Range rows, Range columns, std::size_t from) __attribute__((always_inline)) {
    for (std::size_t i = rows.begin; i < rows.end; i++) {
      for (std::size_t j = columns.begin; j < columns.end; j++) {
        float* at = dx + map + (i * p.inWidth + j) * p.channels;
        for (std::size_t k = 0; k < p.channels; k++) at[k] += dy[from + k] * share;
      }
    }
  });
}

}  // namespace

const PoolKernels poolKernels{max, average, maxGradient, averageGradient};

}  // namespace MS_ISA
}  // namespace ms
