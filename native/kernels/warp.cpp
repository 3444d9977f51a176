#include "warp.h"

#include <cstdint>

#include "layout.h"

namespace ms {
namespace MS_ISA {
namespace {

/** Pixels whose places are computed at once. */
constexpr std::size_t STRIP = 64;

/** What lies outside a map. */
alignas(64) const float zeros[BLOCK] = {};

/** The four pixels around each place that is read, -1 for those outside, and the place's distance from the first. */
struct Places {
  std::int32_t corner[4][STRIP];
  float right[STRIP], down[STRIP];
};

/** The distance that a coordinate in pixels reaches beyond its whole part, which is bounded to a little more than the map. */
[[gnu::always_inline]] inline float split(double at, double size, std::int32_t& whole) {
  // Far outside nothing is read, however far; NaN passes both comparisons and stays in the fraction.
  double within = at < -2 ? -2 : at;
  within = within > size + 1 ? size + 1 : within;
  const double low = __builtin_floor(within == within ? within : -2.0);
  whole = static_cast<std::int32_t>(low);
  return static_cast<float>(within - low);
}

/** Places read by pixels x .. x + count of a row; `flow` is that of the first, 2 · links apart. */
void find(const WarpSizes& sizes, const float* flow, std::size_t x, std::size_t y, std::size_t count, Places& places) {
  const std::size_t step = 2 * sizes.links;
  const std::int32_t width = static_cast<std::int32_t>(sizes.width), height = static_cast<std::int32_t>(sizes.height);
  const std::int32_t first = static_cast<std::int32_t>(x);
  const double row = static_cast<double>(y), sign = sizes.sign;
#pragma omp simd
  for (std::size_t k = 0; k < count; k++) {
    std::int32_t left, top;
    const double across = first + static_cast<std::int32_t>(k) + sign * flow[k * step];
    places.right[k] = split(across * sizes.scaleX - sizes.shift, width, left);
    places.down[k] = split((row + sign * flow[k * step + 1]) * sizes.scaleY - sizes.shift, height, top);
    const bool leftIn = left >= 0 && left < width, rightIn = left >= -1 && left < width - 1;
    const bool topIn = top >= 0 && top < height, downIn = top >= -1 && top < height - 1;
    const std::int32_t at = top * width + left;
    places.corner[0][k] = topIn & leftIn ? at : -1;
    places.corner[1][k] = topIn & rightIn ? at + 1 : -1;
    places.corner[2][k] = downIn & leftIn ? at + width : -1;
    places.corner[3][k] = downIn & rightIn ? at + width + 1 : -1;
  }
}

/** Calls body(places, x, count) for the strips of a row of one sample and link. */
template <class Body>
void eachStrip(const WarpSizes& sizes, const float* flow, std::size_t link, std::size_t y, const Body& body) {
  Places places;
  for (std::size_t x = 0; x < sizes.width; x += STRIP) {
    const std::size_t count = sizes.width - x < STRIP ? sizes.width - x : STRIP;
    find(sizes, flow + ((y * sizes.width + x) * sizes.links + link) * 2, x, y, count, places);
    body(places, x, count);
  }
}

/** Numbers of a pixel; zeros outside. */
[[gnu::always_inline]] inline const float* cornerOf(const float* map, std::int32_t pixel, std::size_t step) {
  return pixel < 0 ? zeros : map + static_cast<std::size_t>(pixel) * step;
}

/** Lanes of a block: a constant where it is whole, so that the loops over them become single instructions. */
template <bool WHOLE>
[[gnu::always_inline]] inline std::size_t lanesOf(std::size_t lanes) {
  return WHOLE ? BLOCK : lanes;
}

template <bool WHOLE>
void readStrip(const WarpSizes& sizes, const Places& places, const float* map, float* out, std::size_t count, std::size_t some) {
  const std::size_t lanes = lanesOf<WHOLE>(some);
  for (std::size_t k = 0; k < count; k++) {
    const float right = places.right[k], down = places.down[k];
    const float *p = cornerOf(map, places.corner[0][k], sizes.pixel), *q = cornerOf(map, places.corner[1][k], sizes.pixel);
    const float *r = cornerOf(map, places.corner[2][k], sizes.pixel), *s = cornerOf(map, places.corner[3][k], sizes.pixel);
    const float a = (1 - down) * (1 - right), b = (1 - down) * right, c = down * (1 - right), d = down * right;
    float* to = out + k * sizes.outPixel;
#pragma omp simd
    for (std::size_t lane = 0; lane < lanes; lane++) to[lane] = a * p[lane] + b * q[lane] + c * r[lane] + d * s[lane];
  }
}

void forward(const WarpSizes& sizes, const float* a, const float* flow, float* out, std::size_t begin, std::size_t end) {
  const std::size_t pixels = sizes.pixels(), sample = pixels * sizes.channels;
  for (std::size_t row = begin; row < end; row++) {
    const std::size_t y = row % sizes.height, link = row / sizes.height % sizes.links, n = row / sizes.height / sizes.links;
    const float* map = a + n * sample;
    float* to = out + n * sample * sizes.links + link * sizes.outLink + y * sizes.width * sizes.outPixel;
    eachStrip(sizes, flow + n * pixels * 2 * sizes.links, link, y, [&](const Places& places, std::size_t x, std::size_t count) {
      for (std::size_t block = 0; block < sizes.blocks; block++) {
        const std::size_t left = sizes.channels - block * BLOCK;
        const float* from = map + block * sizes.block;
        float* into = to + block * sizes.outBlock + x * sizes.outPixel;
        if (left >= BLOCK) readStrip<true>(sizes, places, from, into, count, BLOCK);
        else readStrip<false>(sizes, places, from, into, count, left);
      }
    });
  }
}

/** Adds weight · g to a pixel of da; `nowhere` takes what falls outside. */
template <bool WHOLE>
[[gnu::always_inline]] inline void addTo(float* da, std::int32_t pixel, std::size_t step, float* nowhere, const float* g, float weight,
                                         std::size_t some) {
  const std::size_t lanes = lanesOf<WHOLE>(some);
  float* to = pixel < 0 ? nowhere : da + static_cast<std::size_t>(pixel) * step;
#pragma omp simd
  for (std::size_t lane = 0; lane < lanes; lane++) to[lane] += weight * g[lane];
}

template <bool WHOLE>
void returnStrip(const WarpSizes& sizes, const Places& places, const float* map, const float* dy, float* da, float* part,
                 std::size_t count, std::size_t some) {
  const std::size_t lanes = lanesOf<WHOLE>(some), step = sizes.pixel;
  const float scaleX = static_cast<float>(sizes.sign * sizes.scaleX), scaleY = static_cast<float>(sizes.sign * sizes.scaleY);
  float nowhere[BLOCK] = {};
  for (std::size_t k = 0; k < count; k++) {
    const float right = places.right[k], down = places.down[k];
    const std::int32_t corner[4] = {places.corner[0][k], places.corner[1][k], places.corner[2][k], places.corner[3][k]};
    const float *p = cornerOf(map, corner[0], step), *q = cornerOf(map, corner[1], step);
    const float *r = cornerOf(map, corner[2], step), *s = cornerOf(map, corner[3], step);
    const float* g = dy + k * sizes.outPixel;
    float across = 0, along = 0;
#pragma omp simd reduction(+ : across, along)
    for (std::size_t lane = 0; lane < lanes; lane++) {
      across += g[lane] * ((1 - down) * (q[lane] - p[lane]) + down * (s[lane] - r[lane]));
      along += g[lane] * ((1 - right) * (r[lane] - p[lane]) + right * (s[lane] - q[lane]));
    }
    part[k * 2 * sizes.links] = scaleX * across;
    part[k * 2 * sizes.links + 1] = scaleY * along;
    addTo<WHOLE>(da, corner[0], step, nowhere, g, (1 - down) * (1 - right), some);
    addTo<WHOLE>(da, corner[1], step, nowhere, g, (1 - down) * right, some);
    addTo<WHOLE>(da, corner[2], step, nowhere, g, down * (1 - right), some);
    addTo<WHOLE>(da, corner[3], step, nowhere, g, down * right, some);
  }
}

void backward(const WarpSizes& sizes, const float* a, const float* flow, const float* dy, float* da, float* parts,
              std::size_t begin, std::size_t end) {
  const std::size_t pixels = sizes.pixels(), sample = pixels * sizes.channels, flowSample = pixels * 2 * sizes.links;
  for (std::size_t at = begin; at < end; at++) {
    const std::size_t n = at / sizes.blocks, block = at % sizes.blocks;
    const std::size_t left = sizes.channels - block * BLOCK, lanes = left < BLOCK ? left : BLOCK;
    const float* map = a + n * sample + block * sizes.block;
    float* to = da + n * sample + block * sizes.block;
    for (std::size_t pixel = 0; pixel < pixels; pixel++) {
      for (std::size_t lane = 0; lane < lanes; lane++) to[pixel * sizes.pixel + lane] = 0;
    }
    for (std::size_t link = 0; link < sizes.links; link++) {
      const float* from = dy + n * sample * sizes.links + link * sizes.outLink + block * sizes.outBlock;
      for (std::size_t y = 0; y < sizes.height; y++) {
        eachStrip(sizes, flow + n * flowSample, link, y, [&](const Places& places, std::size_t x, std::size_t count) {
          const std::size_t pixel = y * sizes.width + x;
          const float* g = from + pixel * sizes.outPixel;
          float* part = parts + at * flowSample + (pixel * sizes.links + link) * 2;
          if (lanes == BLOCK) returnStrip<true>(sizes, places, map, g, to, part, count, BLOCK);
          else returnStrip<false>(sizes, places, map, g, to, part, count, lanes);
        });
      }
    }
  }
}

void join(const WarpSizes& sizes, const float* parts, float* dflow, std::size_t begin, std::size_t end) {
  const std::size_t pixels = sizes.pixels(), wide = 2 * sizes.links;
  for (std::size_t at = begin; at < end; at++) {
    const float* from = parts + (at / pixels * sizes.blocks * pixels + at % pixels) * wide;
    float* to = dflow + at * wide;
    for (std::size_t k = 0; k < wide; k++) {
      float sum = from[k];
      for (std::size_t block = 1; block < sizes.blocks; block++) sum += from[block * pixels * wide + k];
      to[k] = sum;
    }
  }
}

}  // namespace

const Warp warp{forward, backward, join};

}  // namespace MS_ISA
}  // namespace ms
