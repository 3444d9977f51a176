#include "upsample.h"

#include "lanes.h"

namespace ms {
namespace MS_ISA {
namespace {

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
      eachLanes(u.channels, [=](std::size_t k, auto lanes) {
        const Lanes first = (1 - down) * lanes.load(above + left + k) + down * lanes.load(below + left + k);
        const Lanes second = (1 - down) * lanes.load(above + right + k) + down * lanes.load(below + right + k);
        lanes.store(to + k, (1 - across) * first + across * second);
      });
    }
  }
}

void gradient(const float* dy, float* dx, const Upsampling& u, const Readers* rows, const float* rowWeights,
              const Readers* columns, const float* columnWeights, std::size_t begin, std::size_t end) {
  const std::size_t outHeight = u.height * u.factor, outWidth = u.width * u.factor, channels = u.channels;
  for (std::size_t line = begin; line < end; line++) {
    const Readers row = rows[line % u.height];
    const float* map = dy + line / u.height * outHeight * outWidth * channels;
    for (std::size_t j = 0; j < u.width; j++) {
      const Readers column = columns[j];
      float* to = dx + (line * u.width + j) * u.channels;
      eachLanes(u.channels, [=](std::size_t k, auto lanes) {
        Lanes sum = all(0);
        const float* from = map + (row.first * outWidth + column.first) * channels + k;
        for (std::size_t r = 0; r < row.count; r++, from += outWidth * channels) {
          Lanes across = all(0);
          for (std::size_t c = 0; c < column.count; c++) {
            across += columnWeights[column.weights + c] * lanes.load(from + c * channels);
          }
          sum += rowWeights[row.weights + r] * across;
        }
        lanes.store(to + k, sum);
      });
    }
  }
}

}  // namespace

const UpsampleKernels upsampleKernels{forward, gradient};

}  // namespace MS_ISA
}  // namespace ms
