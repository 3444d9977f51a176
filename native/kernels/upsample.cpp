#include "upsample.h"

namespace ms {
namespace MS_ISA {
namespace {

/** Channels that are computed together. */
constexpr std::size_t LANES = 16;

/** Calls lanes(first channel, count) with a constant count wherever LANES channels are left. */
template <class Lanes>
inline void chunks(std::size_t channels, const Lanes& lanes) {
  std::size_t channel = 0;
  for (; channel + LANES <= channels; channel += LANES) lanes(channel, LANES);
  if (channel < channels) lanes(channel, channels - channel);
}

void forward(const float* x, float* out, const Upsampling& u, const Blend* rows, const Blend* columns, std::size_t begin,
             std::size_t end) {
  const std::size_t outHeight = u.height * u.factor, outWidth = u.width * u.factor;
  for (std::size_t line = begin; line < end; line++) {
    const Blend row = rows[line % outHeight];
    const float* map = x + line / outHeight * u.height * u.width * u.channels;
    const float* above = map + row.low * u.width * u.channels;
    const float* below = map + row.high * u.width * u.channels;
    for (std::size_t j = 0; j < outWidth; j++) {
      const Blend column = columns[j];
      const std::size_t left = column.low * u.channels, right = column.high * u.channels;
      float* to = out + (line * outWidth + j) * u.channels;
      const float down = row.weight, across = column.weight;
      chunks(u.channels, [&](std::size_t channel, std::size_t count) __attribute__((always_inline)) {
        for (std::size_t k = channel; k < channel + count; k++) {
          const float first = (1 - down) * above[left + k] + down * below[left + k];
          const float second = (1 - down) * above[right + k] + down * below[right + k];
          to[k] = (1 - across) * first + across * second;
        }
      });
    }
  }
}

void gradient(const float* dy, float* dx, const Upsampling& u, const Readers* rows, const float* rowWeights,
              const Readers* columns, const float* columnWeights, std::size_t begin, std::size_t end) {
  const std::size_t outHeight = u.height * u.factor, outWidth = u.width * u.factor;
  for (std::size_t line = begin; line < end; line++) {
    const Readers row = rows[line % u.height];
    const float* map = dy + line / u.height * outHeight * outWidth * u.channels;
    for (std::size_t j = 0; j < u.width; j++) {
      const Readers column = columns[j];
      chunks(u.channels, [&](std::size_t channel, std::size_t count) __attribute__((always_inline)) {
        float sum[LANES];
        for (std::size_t k = 0; k < count; k++) sum[k] = 0;
        for (std::size_t r = 0; r < row.count; r++) {
          const float* from = map + ((row.first + r) * outWidth + column.first) * u.channels + channel;
          float across[LANES];
          for (std::size_t k = 0; k < count; k++) across[k] = 0;
          for (std::size_t c = 0; c < column.count; c++) {
            const float weight = columnWeights[column.weights + c];
            for (std::size_t k = 0; k < count; k++) across[k] += weight * from[c * u.channels + k];
          }
          const float weight = rowWeights[row.weights + r];
          for (std::size_t k = 0; k < count; k++) sum[k] += weight * across[k];
        }
        float* to = dx + (line * u.width + j) * u.channels + channel;
        for (std::size_t k = 0; k < count; k++) to[k] = sum[k];
      });
    }
  }
}

}  // namespace

const UpsampleKernels upsampleKernels{forward, gradient};

}  // namespace MS_ISA
}  // namespace ms
