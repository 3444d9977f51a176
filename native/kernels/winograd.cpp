#include "winograd.h"

#include "lanes.h"
#include "layout.h"

namespace ms {
namespace MS_ISA {
namespace {

/** Rows and registers of a product at once: with as many sums a multiply-add never waits for the one before. */
constexpr std::size_t ROWS = WIDTH == 16 ? 8 : 4, ACROSS = WIDTH == 4 ? 4 : 2;
constexpr std::size_t COLUMNS = ACROSS * WIDTH;

constexpr Full whole{};

/** Bᵀ d */
MS_INLINE void transformInput(const Lanes d[6], Lanes t[6]) {
  const Lanes even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1], near = d[4] - d[2], far = 2 * (d[3] - d[1]);
  t[0] = 4 * (d[0] - d[2]) + near;
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = near + far;
  t[4] = near - far;
  t[5] = 4 * (d[1] - d[3]) + (d[5] - d[3]);
}

/** Aᵀ m */
MS_INLINE void transformOutput(const Lanes m[6], Lanes y[4]) {
  const Lanes sum = m[1] + m[2], difference = m[1] - m[2], wide = m[3] + m[4], apart = m[3] - m[4];
  y[0] = m[0] + sum + wide;
  y[1] = difference + 2 * apart;
  y[2] = sum + 4 * wide;
  y[3] = difference + 8 * apart + m[5];
}

/** A y */
MS_INLINE void transformError(const Lanes y[4], Lanes z[6]) {
  const Lanes even = y[0] + y[2], odd = y[1] + y[3], wide = y[0] + 4 * y[2], apart = 2 * y[1] + 8 * y[3];
  z[0] = y[0];
  z[1] = even + odd;
  z[2] = even - odd;
  z[3] = wide + apart;
  z[4] = wide - apart;
  z[5] = y[3];
}

/** G w */
MS_INLINE void transformWeights(const Lanes w[3], Lanes u[6]) {
  const Lanes ends = w[0] + w[2], wide = (w[0] + 4 * w[2]) * (1 / 24.0f), middle = w[1] * (1 / 12.0f);
  u[0] = w[0] * 0.25f;
  u[1] = (ends + w[1]) * (-1 / 6.0f);
  u[2] = (ends - w[1]) * (-1 / 6.0f);
  u[3] = wide + middle;
  u[4] = wide - middle;
  u[5] = w[2];
}

/** Gᵀ d */
MS_INLINE void transformGradient(const Lanes d[6], Lanes w[3]) {
  const Lanes sum = d[1] + d[2], wide = d[3] + d[4];
  w[0] = d[0] * 0.25f - sum * (1 / 6.0f) + wide * (1 / 24.0f);
  w[1] = (d[2] - d[1]) * (1 / 6.0f) + (d[3] - d[4]) * (1 / 12.0f);
  w[2] = (wide - sum) * (1 / 6.0f) + d[5];
}

/** A transform along both axes: in[row][column] of From x From vectors -> out of To x To. */
template <std::size_t From, std::size_t To, void (*Along)(const Lanes*, Lanes*)>
MS_INLINE void both(const Lanes (&in)[From][From], Lanes (&out)[To][To]) {
  Lanes half[From][To];
#pragma GCC unroll 6
  for (std::size_t column = 0; column < From; column++) {
    Lanes line[From], result[To];
#pragma GCC unroll 6
    for (std::size_t row = 0; row < From; row++) line[row] = in[row][column];
    Along(line, result);
#pragma GCC unroll 6
    for (std::size_t row = 0; row < To; row++) half[column][row] = result[row];
  }
#pragma GCC unroll 6
  for (std::size_t row = 0; row < To; row++) {
    Lanes line[From];
#pragma GCC unroll 6
    for (std::size_t column = 0; column < From; column++) line[column] = half[column][row];
    Along(line, out[row]);
  }
}

template <std::size_t Side>
MS_INLINE void load(const float* from, const WinogradTile& tile, std::size_t lane, Lanes (&into)[Side][Side]) {
  const bool complete = tile.top == 0 && tile.left == 0 && tile.bottom == Side && tile.right == Side;
  if (complete) {
#pragma GCC unroll 6
    for (std::size_t row = 0; row < Side; row++) {
#pragma GCC unroll 6
      for (std::size_t column = 0; column < Side; column++) into[row][column] = whole.load(from + row * tile.pitch + column * BLOCK + lane);
    }
    return;
  }
  for (std::size_t row = 0; row < Side; row++) {
    for (std::size_t column = 0; column < Side; column++) {
      const bool exists = row >= tile.top && row < tile.bottom && column >= tile.left && column < tile.right;
      into[row][column] = exists ? whole.load(from + row * tile.pitch + column * BLOCK + lane) : Lanes{};
    }
  }
}

template <std::size_t Side, std::size_t From, void (*Along)(const Lanes*, Lanes*)>
MS_INLINE void transformMap(const float* from, const WinogradTile& tile, float* to, std::size_t step) {
  for (std::size_t lane = 0; lane < BLOCK; lane += WIDTH) {
    Lanes map[From][From], result[6][6];
    load(from, tile, lane, map);
    both<From, 6, Along>(map, result);
#pragma GCC unroll 36
    for (std::size_t i = 0; i < 36; i++) whole.store(to + i * step + lane, result[i / 6][i % 6]);
  }
}

void input(const float* x, const WinogradTile& tile, float* v, std::size_t step) {
  transformMap<6, 6, transformInput>(x, tile, v, step);
}

void error(const float* dy, const WinogradTile& tile, float* z, std::size_t step) {
  transformMap<4, 4, transformError>(dy, tile, z, step);
}

void output(const float* m, std::size_t step, const float* bias, float* y, const WinogradTile& tile) {
  for (std::size_t lane = 0; lane < BLOCK; lane += WIDTH) {
    Lanes products[6][6], result[4][4];
#pragma GCC unroll 36
    for (std::size_t i = 0; i < 36; i++) products[i / 6][i % 6] = whole.load(m + i * step + lane);
    both<6, 4, transformOutput>(products, result);
    const Lanes offset = bias ? whole.load(bias + lane) : Lanes{};
    for (std::size_t row = 0; row < tile.bottom; row++) {
      for (std::size_t column = 0; column < tile.right; column++) {
        whole.store(y + row * tile.pitch + column * BLOCK + lane, result[row][column] + offset);
      }
    }
  }
}

void weights(const float* w, std::size_t tap, std::size_t count, float* u, std::size_t step) {
  for (std::size_t lane = 0; lane < COLUMNS; lane += WIDTH) {
    Lanes taps[3][3], result[6][6];
    for (std::size_t i = 0; i < 9; i++) {
      const float* from = w + i * tap + lane;
      taps[i / 3][i % 3] = lane + WIDTH <= count ? whole.load(from) : lane < count ? Partial{count - lane}.load(from) : Lanes{};
    }
    both<3, 6, transformWeights>(taps, result);
    for (std::size_t i = 0; i < 36; i++) whole.store(u + i * step + lane, result[i / 6][i % 6]);
  }
}

void gradient(const float* d, std::size_t step, float* w, std::size_t tap) {
  for (std::size_t lane = 0; lane < BLOCK; lane += WIDTH) {
    Lanes products[6][6], taps[3][3];
    for (std::size_t i = 0; i < 36; i++) products[i / 6][i % 6] = whole.load(d + i * step + lane);
    both<6, 3, transformGradient>(products, taps);
    for (std::size_t i = 0; i < 9; i++) whole.store(w + i * tap + lane, taps[i / 3][i % 3]);
  }
}

void product(const float* a, std::size_t aRow, std::size_t aStep, const float* b, std::size_t depth, float* c, std::size_t cRow,
             std::size_t count, bool add) {
  const std::size_t ahead = depth * COLUMNS;
  for (std::size_t first = 0; first < count; first += ROWS) {
    const float* from = a + first * aRow;
    float* to = c + first * cRow;
    Lanes sums[ROWS][ACROSS];
#pragma GCC unroll 8
    for (std::size_t row = 0; row < ROWS; row++) {
#pragma GCC unroll 4
      for (std::size_t i = 0; i < ACROSS; i++) sums[row][i] = add ? whole.load(to + row * cRow + i * WIDTH) : Lanes{};
    }
    const float* panel = b;
    for (std::size_t k = 0; k < depth; k++) {
      if (first == 0) {
        // What is multiplied next lies right behind this panel, or nobody reads it.
#pragma GCC unroll 4
        for (std::size_t i = 0; i < ACROSS; i++) __builtin_prefetch(panel + ahead + i * WIDTH);
      }
      Lanes line[ACROSS];
#pragma GCC unroll 4
      for (std::size_t i = 0; i < ACROSS; i++) line[i] = whole.load(panel + i * WIDTH);
#pragma GCC unroll 8
      for (std::size_t row = 0; row < ROWS; row++) {
        const Lanes x = all(from[row * aRow]);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < ACROSS; i++) sums[row][i] += x * line[i];
      }
      from += aStep;
      panel += COLUMNS;
    }
#pragma GCC unroll 8
    for (std::size_t row = 0; row < ROWS; row++) {
#pragma GCC unroll 4
      for (std::size_t i = 0; i < ACROSS; i++) whole.store(to + row * cRow + i * WIDTH, sums[row][i]);
    }
  }
}

}  // namespace

extern const WinogradFunctions winograd{ROWS, COLUMNS, weights, input, output, error, gradient, product};

}  // namespace MS_ISA
}  // namespace ms
