#include "attention.h"

#include "math.h"

namespace ms {
namespace MS_ISA {
namespace {

constexpr std::size_t STRIP = AttentionSizes::STRIP;
/** Registers of a strip. */
constexpr std::size_t PARTS = STRIP / WIDTH;
/** Offsets, or channels, that share what they load. */
constexpr std::size_t GROUP = 4;

/** 16 pixels. */
struct Strip {
  Lanes part[PARTS];
};

MS_INLINE Strip loadStrip(const float* from) {
  Strip strip;
  for (std::size_t p = 0; p < PARTS; p++) strip.part[p] = Full{}.load(from + p * WIDTH);
  return strip;
}

MS_INLINE void storeStrip(float* to, const Strip& strip) {
  for (std::size_t p = 0; p < PARTS; p++) Full{}.store(to + p * WIDTH, strip.part[p]);
}

/** Whether a strip looks at pixels before and after it (a query at its keys), or is looked at by them (a key by its queries). */
enum class Looks { out, back };

/** Where the pixel at an offset from `at` lies. */
template <Looks looks>
MS_INLINE std::size_t moved(const AttentionSizes& sizes, std::size_t at, std::size_t down, std::size_t across) {
  const std::size_t before = sizes.before();
  if (looks == Looks::out) return at + down * sizes.row() + across - before * sizes.row() - before;
  return at + before * sizes.row() + before - down * sizes.row() - across;
}

/** Products of the strip's vectors in `own` with those in `other` at every offset. */
template <Looks looks>
void products(const AttentionSizes& sizes, const float* own, const float* other, std::size_t at, float* scores) {
  const std::size_t plane = sizes.plane(), window = sizes.window, channels = sizes.channels;
  for (std::size_t down = 0; down < window; down++) {
    float* to = scores + down * window * STRIP;
    std::size_t across = 0;
    for (; across + GROUP <= window; across += GROUP) {
      Strip sum[GROUP] = {};
      const float* from[GROUP];
      for (std::size_t g = 0; g < GROUP; g++) from[g] = other + moved<looks>(sizes, at, down, across + g);
      for (std::size_t c = 0; c < channels; c++) {
        const Strip mine = loadStrip(own + c * plane + at);
        for (std::size_t g = 0; g < GROUP; g++) {
          const Strip theirs = loadStrip(from[g] + c * plane);
          for (std::size_t p = 0; p < PARTS; p++) sum[g].part[p] += mine.part[p] * theirs.part[p];
        }
      }
      for (std::size_t g = 0; g < GROUP; g++) storeStrip(to + (across + g) * STRIP, sum[g]);
    }
    for (; across < window; across++) {
      Strip sum = {};
      const float* from = other + moved<looks>(sizes, at, down, across);
      for (std::size_t c = 0; c < channels; c++) {
        const Strip mine = loadStrip(own + c * plane + at), theirs = loadStrip(from + c * plane);
        for (std::size_t p = 0; p < PARTS; p++) sum.part[p] += mine.part[p] * theirs.part[p];
      }
      storeStrip(to + across * STRIP, sum);
    }
  }
}

/** For `count` channels from `first`: vectors of `other` at every offset, weighted and added up, to sum[c]. */
template <Looks looks, std::size_t count>
MS_INLINE void weighted(const AttentionSizes& sizes, const float* weights, const float* other, std::size_t at,
                        std::size_t first, Strip* sum) {
  const std::size_t plane = sizes.plane(), window = sizes.window;
  for (std::size_t c = 0; c < count; c++) sum[c] = {};
  for (std::size_t down = 0; down < window; down++) {
    for (std::size_t across = 0; across < window; across++) {
      const Strip weight = loadStrip(weights + (down * window + across) * STRIP);
      const float* from = other + first * plane + moved<looks>(sizes, at, down, across);
      for (std::size_t c = 0; c < count; c++) {
        const Strip theirs = loadStrip(from + c * plane);
        for (std::size_t p = 0; p < PARTS; p++) sum[c].part[p] += weight.part[p] * theirs.part[p];
      }
    }
  }
}

/** Weighted sums of all channels, times `scale`, to pixels [.., channels] of which `pixels` are there. */
template <Looks looks>
void gather(const AttentionSizes& sizes, const float* weights, const float* other, std::size_t at, const Strip* scale,
            float* out, std::size_t pixels) {
  const std::size_t channels = sizes.channels;
  const auto finish = [&](Strip sum, std::size_t channel) {
    if (scale) {
      for (std::size_t p = 0; p < PARTS; p++) sum.part[p] *= scale->part[p];
    }
    float lanes[STRIP];
    storeStrip(lanes, sum);
    for (std::size_t x = 0; x < pixels; x++) out[x * channels + channel] = lanes[x];
  };
  std::size_t c = 0;
  for (; c + GROUP <= channels; c += GROUP) {
    Strip sum[GROUP];
    weighted<looks, GROUP>(sizes, weights, other, at, c, sum);
    for (std::size_t g = 0; g < GROUP; g++) finish(sum[g], c + g);
  }
  for (; c < channels; c++) {
    Strip sum;
    weighted<looks, 1>(sizes, weights, other, at, c, &sum);
    finish(sum, c);
  }
}

void spread(const AttentionSizes& sizes, const float* maps, float* planes, std::size_t begin, std::size_t end) {
  const std::size_t row = sizes.row(), edge = sizes.edge(), channels = sizes.channels;
  for (std::size_t c = begin; c < end; c++) {
    float* to = planes + c * sizes.plane();
    for (std::size_t i = 0; i < sizes.plane(); i++) to[i] = 0.0f;
    for (std::size_t y = 0; y < sizes.height; y++) {
      const float* from = maps + y * sizes.width * channels + c;
      float* line = to + (y + edge) * row + edge;
      for (std::size_t x = 0; x < sizes.width; x++) line[x] = from[x * channels];
    }
  }
}

/** Where a strip begins in a plane; how many of its pixels are there, and its first pixel. */
struct Place {
  std::size_t at, pixels, first;
};

MS_INLINE Place placeOf(const AttentionSizes& sizes, std::size_t y, std::size_t strip) {
  const std::size_t x = strip * STRIP, rest = sizes.width - x;
  return {(y + sizes.edge()) * sizes.row() + x + sizes.edge(), rest < STRIP ? rest : STRIP, y * sizes.width + x};
}

void forward(const AttentionSizes& sizes, const float* q, const float* k, const float* v, float* out,
             const AttentionSums& sums, float* scores, std::size_t y, std::size_t strip) {
  const Place place = placeOf(sizes, y, strip);
  products<Looks::out>(sizes, q, k, place.at, scores);
  Strip level = loadStrip(scores), total = {}, scale;
  for (std::size_t o = 1; o < sizes.offsets(); o++) {
    const Strip score = loadStrip(scores + o * STRIP);
    for (std::size_t p = 0; p < PARTS; p++) level.part[p] = score.part[p] <= level.part[p] ? level.part[p] : score.part[p];
  }
  for (std::size_t o = 0; o < sizes.offsets(); o++) {
    Strip power = loadStrip(scores + o * STRIP);
    for (std::size_t p = 0; p < PARTS; p++) {
      power.part[p] = exponential(power.part[p] - level.part[p]);
      total.part[p] += power.part[p];
    }
    storeStrip(scores + o * STRIP, power);
  }
  for (std::size_t p = 0; p < PARTS; p++) scale.part[p] = 1.0f / total.part[p];
  gather<Looks::out>(sizes, scores, v, place.at, &scale, out + place.first * sizes.channels, place.pixels);
  float lanes[2][STRIP];
  storeStrip(lanes[0], level);
  storeStrip(lanes[1], total);
  for (std::size_t x = 0; x < place.pixels; x++) {
    sums.level[place.first + x] = lanes[0][x];
    sums.total[place.first + x] = lanes[1][x];
  }
}

void queries(const AttentionSizes& sizes, const float* q, const float* k, const float* v, const float* dy, float* dq,
             const AttentionSums& sums, float* scores, std::size_t y, std::size_t strip) {
  const Place place = placeOf(sizes, y, strip);
  float* changes = scores + sizes.offsets() * STRIP;
  products<Looks::out>(sizes, q, k, place.at, scores);
  products<Looks::out>(sizes, dy, v, place.at, changes);
  const Strip level = loadStrip(sums.level + place.at), total = loadStrip(sums.total + place.at);
  Strip mean = {};
  for (std::size_t o = 0; o < sizes.offsets(); o++) {
    Strip weight = loadStrip(scores + o * STRIP);
    const Strip change = loadStrip(changes + o * STRIP);
    for (std::size_t p = 0; p < PARTS; p++) {
      weight.part[p] = exponential(weight.part[p] - level.part[p]) / total.part[p];
      mean.part[p] += weight.part[p] * change.part[p];
    }
    storeStrip(scores + o * STRIP, weight);
  }
  for (std::size_t o = 0; o < sizes.offsets(); o++) {
    Strip weight = loadStrip(scores + o * STRIP);
    const Strip change = loadStrip(changes + o * STRIP);
    for (std::size_t p = 0; p < PARTS; p++) weight.part[p] *= change.part[p] - mean.part[p];
    storeStrip(scores + o * STRIP, weight);
  }
  gather<Looks::out>(sizes, scores, k, place.at, nullptr, dq + place.first * sizes.channels, place.pixels);
  float lanes[STRIP];
  storeStrip(lanes, mean);
  for (std::size_t x = 0; x < place.pixels; x++) sums.mean[place.at + x] = lanes[x];
}

void keys(const AttentionSizes& sizes, const float* q, const float* k, const float* v, const float* dy, float* dk,
          float* dv, const AttentionSums& sums, float* scores, std::size_t y, std::size_t strip) {
  const Place place = placeOf(sizes, y, strip);
  const std::size_t window = sizes.window;
  float* changes = scores + sizes.offsets() * STRIP;
  products<Looks::back>(sizes, k, q, place.at, scores);
  products<Looks::back>(sizes, v, dy, place.at, changes);
  for (std::size_t o = 0; o < sizes.offsets(); o++) {
    const std::size_t at = moved<Looks::back>(sizes, place.at, o / window, o % window);
    const Strip level = loadStrip(sums.level + at), total = loadStrip(sums.total + at), mean = loadStrip(sums.mean + at);
    Strip weight = loadStrip(scores + o * STRIP), change = loadStrip(changes + o * STRIP);
    for (std::size_t p = 0; p < PARTS; p++) {
      weight.part[p] = exponential(weight.part[p] - level.part[p]) / total.part[p];
      change.part[p] = weight.part[p] * (change.part[p] - mean.part[p]);
    }
    storeStrip(scores + o * STRIP, weight);
    storeStrip(changes + o * STRIP, change);
  }
  gather<Looks::back>(sizes, changes, q, place.at, nullptr, dk + place.first * sizes.channels, place.pixels);
  gather<Looks::back>(sizes, scores, dy, place.at, nullptr, dv + place.first * sizes.channels, place.pixels);
}

}  // namespace

const Attention attention{spread, forward, queries, keys};

}  // namespace MS_ISA
}  // namespace ms
