#include "pool.h"

namespace ms {
namespace MS_ISA {
namespace {

/** Channels that are computed together. */
constexpr std::size_t LANES = 16;
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
inline void windows(const Pooling& p, std::size_t begin, std::size_t end, const Step& step) {
  for (std::size_t line = begin; line < end; line++) {
    const std::size_t sample = line / p.outHeight;
    const Range rows = clip(line % p.outHeight, p.strideHeight, p.padTop, p.filterHeight, p.inHeight);
    for (std::size_t window = 0; window < p.outWidth; window++) {
      const Range columns = clip(window, p.strideWidth, p.padLeft, p.filterWidth, p.inWidth);
      step(sample * p.inHeight * p.inWidth * p.channels, rows, columns, (line * p.outWidth + window) * p.channels);
    }
  }
}

/** Calls lanes(first channel, count) with a constant count wherever LANES channels are left. */
template <class Lanes>
inline void chunks(std::size_t channels, const Lanes& lanes) {
  std::size_t channel = 0;
  for (; channel + LANES <= channels; channel += LANES) lanes(channel, LANES);
  if (channel < channels) lanes(channel, channels - channel);
}

void max(const float* x, float* out, const Pooling& p, std::size_t begin, std::size_t end) {
  windows(p, begin, end, [&](std::size_t map, Range rows, Range columns, std::size_t to) __attribute__((always_inline)) {
    chunks(p.channels, [&](std::size_t channel, std::size_t count) __attribute__((always_inline)) {
      float largest[LANES];
      for (std::size_t k = 0; k < count; k++) largest[k] = LOWEST;
      for (std::size_t i = rows.begin; i < rows.end; i++) {
        for (std::size_t j = columns.begin; j < columns.end; j++) {
          const float* at = x + map + (i * p.inWidth + j) * p.channels + channel;
          for (std::size_t k = 0; k < count; k++) largest[k] = at[k] > largest[k] ? at[k] : largest[k];
        }
      }
      for (std::size_t k = 0; k < count; k++) out[to + channel + k] = largest[k];
    });
  });
}

void average(const float* x, float* out, const Pooling& p, std::size_t begin, std::size_t end) {
  windows(p, begin, end, [&](std::size_t map, Range rows, Range columns, std::size_t to) __attribute__((always_inline)) {
    const float entries = static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
    chunks(p.channels, [&](std::size_t channel, std::size_t count) __attribute__((always_inline)) {
      float sum[LANES];
      for (std::size_t k = 0; k < count; k++) sum[k] = 0;
      for (std::size_t i = rows.begin; i < rows.end; i++) {
        for (std::size_t j = columns.begin; j < columns.end; j++) {
          const float* at = x + map + (i * p.inWidth + j) * p.channels + channel;
          for (std::size_t k = 0; k < count; k++) sum[k] += at[k];
        }
      }
      for (std::size_t k = 0; k < count; k++) out[to + channel + k] = sum[k] / entries;
    });
  });
}

void maxGradient(const float* dy, const float* x, float* dx, const Pooling& p, std::size_t begin, std::size_t end) {
  windows(p, begin, end, [&](std::size_t map, Range rows, Range columns, std::size_t from) __attribute__((always_inline)) {
    chunks(p.channels, [&](std::size_t channel, std::size_t count) __attribute__((always_inline)) {
      float largest[LANES];
      std::int32_t first[LANES];
      for (std::size_t k = 0; k < count; k++) {
        largest[k] = LOWEST;
        first[k] = -1;
      }
      std::int32_t entry = 0;
      for (std::size_t i = rows.begin; i < rows.end; i++) {
        for (std::size_t j = columns.begin; j < columns.end; j++, entry++) {
          const float* at = x + map + (i * p.inWidth + j) * p.channels + channel;
          for (std::size_t k = 0; k < count; k++) {
            const bool larger = at[k] > largest[k];
            largest[k] = larger ? at[k] : largest[k];
            first[k] = larger ? entry : first[k];
          }
        }
      }
      entry = 0;
      for (std::size_t i = rows.begin; i < rows.end; i++) {
        for (std::size_t j = columns.begin; j < columns.end; j++, entry++) {
          float* at = dx + map + (i * p.inWidth + j) * p.channels + channel;
          for (std::size_t k = 0; k < count; k++) at[k] += first[k] == entry ? dy[from + channel + k] : 0;
        }
      }
    });
  });
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
