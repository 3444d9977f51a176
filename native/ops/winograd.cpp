#include "winograd.h"

#include <algorithm>

#include "../core/team.h"
#include "../kernels/layout.h"
#include "../kernels/winograd.h"

namespace ms {
namespace {

/** Outputs along a side of a tile, inputs, and products. */
constexpr std::size_t TILE = 4, SEEN = 6, PRODUCTS = SEEN * SEEN;
/** Floats of transformed inputs that stay in a core's second cache beside weights that pass by. */
constexpr std::size_t NEAR = 192 * 1024;
constexpr std::size_t MOST_TILES = 64, MOST_GATHERED = 64;
/** Keeps vectors that belong together out of one set of a cache. */
constexpr std::size_t APART = 16;

std::size_t over(std::size_t n, std::size_t by) { return (n + by - 1) / by; }
std::size_t multiple(std::size_t n, std::size_t of) { return over(n, of) * of; }

/** Rows or columns [first, end) of a window of `size` at `at` that lie within [0, limit). */
void clip(std::int64_t at, std::size_t size, std::size_t limit, std::size_t& first, std::size_t& end) {
  const std::int64_t last = static_cast<std::int64_t>(limit) - at, all = static_cast<std::int64_t>(size);
  first = static_cast<std::size_t>(std::clamp<std::int64_t>(-at, 0, all));
  end = static_cast<std::size_t>(std::clamp<std::int64_t>(last, static_cast<std::int64_t>(first), all));
}

/** Where the tiles of a convolution lie. */
struct Tiles {
  const Winograd& w;
  std::size_t across = over(w.outWidth, TILE), down = over(w.outHeight, TILE);
  std::size_t count() const { return w.batch * down * across; }

  /** What tile `t` sees of block `block` of x. */
  const float* seen(const Winograd::Source& x, std::size_t t, std::size_t block, WinogradTile& tile) const {
    const std::size_t sample = t / across / down;
    const std::int64_t row = static_cast<std::int64_t>(t / across % down * TILE) - w.top;
    const std::int64_t column = static_cast<std::int64_t>(t % across * TILE) - w.left;
    clip(row, SEEN, w.inHeight, tile.top, tile.bottom);
    clip(column, SEEN, w.inWidth, tile.left, tile.right);
    tile.pitch = w.inWidth * BLOCK;
    std::size_t part = 0;
    while (block >= x.blocks[part]) block -= x.blocks[part++];
    const float* map = x.maps[part] + (sample * x.blocks[part] + block) * w.inHeight * w.inWidth * BLOCK;
    return map + (row * static_cast<std::int64_t>(w.inWidth) + column) * static_cast<std::int64_t>(BLOCK);
  }

  /** Where tile `t` of block `block` of y lies, in floats. */
  std::size_t made(std::size_t t, std::size_t block, WinogradTile& tile) const {
    const std::size_t sample = t / across / down, row = t / across % down * TILE, column = t % across * TILE;
    tile = {w.outWidth * BLOCK, 0, std::min(TILE, w.outHeight - row), 0, std::min(TILE, w.outWidth - column)};
    return (((sample * (w.outChannels / BLOCK) + block) * w.outHeight + row) * w.outWidth + column) * BLOCK;
  }
};

/** How the work on outputs is cut: some tiles at a time, of every thread equally many, and of them a panel of outputs at a time. */
struct Cut {
  std::size_t tiles, panels, seenStep, madeStep;
  /** Of one thread. */
  std::size_t scratch() const { return PRODUCTS * (seenStep + madeStep); }
};

Cut cutOf(const Winograd& w) {
  const std::size_t rows = winograd().rows, columns = winograd().columns;
  const std::size_t fitting = std::clamp(NEAR / (PRODUCTS * w.inChannels) / rows * rows, rows, MOST_TILES);
  const std::size_t share = over(Tiles{w}.count(), static_cast<std::size_t>(teamSize()));
  const std::size_t tiles = multiple(over(share, over(share, fitting)), rows);
  return {tiles, over(w.outChannels, columns), tiles * w.inChannels + APART, tiles * columns + APART};
}

/** The same for the gradient of the weights: tiles whose products are added up at once. */
struct Gathering {
  std::size_t tiles, panels, seenStep, errorStep, sumStep;
  std::size_t scratch() const { return PRODUCTS * (seenStep + errorStep + sumStep); }
};

Gathering gatheringOf(const Winograd& w) {
  const std::size_t columns = winograd().columns, panels = over(w.outChannels, columns);
  const std::size_t tiles = std::min(Tiles{w}.count(), MOST_GATHERED);
  return {tiles, panels, tiles * w.inChannels + APART, panels * tiles * columns + APART, panels * w.inChannels * columns + APART};
}

}  // namespace

std::size_t Winograd::packedFloats() const { return PRODUCTS * inChannels * multiple(outChannels, winograd().columns); }
std::size_t Winograd::outputScratch() const { return static_cast<std::size_t>(teamSize()) * cutOf(*this).scratch(); }
std::size_t Winograd::weightsScratch() const { return gatheringOf(*this).scratch(); }

void Winograd::pack(const float* weights, float* packed) const {
  const WinogradFunctions& f = winograd();
  const std::size_t panels = over(outChannels, f.columns);
  parallel(panels * inChannels, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; i++) {
      const std::size_t panel = i / inChannels, channel = i % inChannels, first = panel * f.columns;
      f.weights(weights + channel * outChannels + first, inChannels * outChannels, std::min(f.columns, outChannels - first),
                packed + (panel * PRODUCTS * inChannels + channel) * f.columns, inChannels * f.columns);
    }
  });
}

void Winograd::output(const Source& x, const float* packed, const float* bias, float* y, float* scratch) const {
  const WinogradFunctions& f = winograd();
  const Tiles tiles{*this};
  const Cut cut = cutOf(*this);
  const std::size_t groups = over(tiles.count(), cut.tiles), blocks = inChannels / BLOCK;
  parallel(groups * cut.panels, 1, [&](std::size_t begin, std::size_t end) {
    float* const seen = scratch + currentPart() * cut.scratch();
    float* const made = seen + PRODUCTS * cut.seenStep;
    for (std::size_t item = begin; item < end; item++) {
      const std::size_t group = item / cut.panels, panel = item % cut.panels, first = group * cut.tiles;
      const std::size_t count = std::min(cut.tiles, tiles.count() - first);
      WinogradTile tile;
      if (item == begin || panel == 0) {
        for (std::size_t block = 0; block < blocks; block++) {
          for (std::size_t t = 0; t < count; t++) {
            const float* from = tiles.seen(x, first + t, block, tile);
            f.input(from, tile, seen + t * inChannels + block * BLOCK, cut.seenStep);
          }
        }
      }
      const float* u = packed + panel * PRODUCTS * inChannels * f.columns;
      for (std::size_t p = 0; p < PRODUCTS; p++) {
        f.product(seen + p * cut.seenStep, inChannels, 1, u + p * inChannels * f.columns, inChannels, made + p * cut.madeStep,
                  f.columns, multiple(count, f.rows), false);
      }
      const std::size_t last = std::min(outChannels, (panel + 1) * f.columns);
      for (std::size_t t = 0; t < count; t++) {
        for (std::size_t channel = panel * f.columns; channel < last; channel += BLOCK) {
          float* to = y + tiles.made(first + t, channel / BLOCK, tile);
          f.output(made + t * f.columns + channel % f.columns, cut.madeStep, bias ? bias + channel : nullptr, to, tile);
        }
      }
    }
  });
}

void Winograd::weights(const Source& x, const float* dy, float* dw, float* scratch) const {
  const WinogradFunctions& f = winograd();
  const Tiles tiles{*this};
  const Gathering g = gatheringOf(*this);
  const std::size_t inBlocks = inChannels / BLOCK, outBlocks = outChannels / BLOCK;
  float* const seen = scratch;
  float* const errors = seen + PRODUCTS * g.seenStep;
  float* const sums = errors + PRODUCTS * g.errorStep;
  for (std::size_t first = 0; first < tiles.count(); first += g.tiles) {
    const std::size_t count = std::min(g.tiles, tiles.count() - first);
    parallel(count, 1, [&](std::size_t begin, std::size_t end) {
      WinogradTile tile;
      for (std::size_t block = 0; block < inBlocks; block++) {
        for (std::size_t t = begin; t < end; t++) {
          const float* from = tiles.seen(x, first + t, block, tile);
          f.input(from, tile, seen + t * inChannels + block * BLOCK, g.seenStep);
        }
      }
      for (std::size_t block = 0; block < outBlocks; block++) {
        const std::size_t panel = block * BLOCK / f.columns, column = block * BLOCK % f.columns;
        for (std::size_t t = begin; t < end; t++) {
          const float* from = dy + tiles.made(first + t, block, tile);
          f.error(from, tile, errors + (panel * g.tiles + t) * f.columns + column, g.errorStep);
        }
      }
    });
    parallel(PRODUCTS * g.panels, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; i++) {
        const std::size_t p = i / g.panels, panel = i % g.panels;
        f.product(seen + p * g.seenStep, 1, inChannels, errors + p * g.errorStep + panel * g.tiles * f.columns, count,
                  sums + p * g.sumStep + panel * inChannels * f.columns, f.columns, inChannels, first > 0);
      }
    });
  }
  parallel(inChannels * (outChannels / BLOCK), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; i++) {
      const std::size_t channel = i / (outChannels / BLOCK), out = i % (outChannels / BLOCK) * BLOCK;
      f.gradient(sums + (out / f.columns * inChannels + channel) * f.columns + out % f.columns, g.sumStep,
                 dw + channel * outChannels + out, inChannels * outChannels);
    }
  });
}

}  // namespace ms
