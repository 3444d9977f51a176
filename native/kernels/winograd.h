#pragma once
#include <cstddef>

#include "isa.h"

namespace ms {

/**
 * Pieces of Winograd's algorithm F(4x4, 3x3): a tile of 4x4 outputs of a convolution with 3x3 weights takes 6x6 = 36 products of
 * transformed numbers instead of 144, and sums over channels become 36 products of matrices.
 *
 *     y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A;    dw = Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ x B)] G
 *
 * Maps are blocked by 16 channels; a tile is one of a block, [rows, columns, 16]. The 36 transformed vectors of a tile lie `step`
 * floats apart. Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4, interpolation points
 * 0, ±1, ±2, ∞.
 */
struct WinogradTile {
  /** Floats between its rows in the map. */
  std::size_t pitch;
  /** Which of its rows and columns exist; others are 0, and are not written. */
  std::size_t top, bottom, left, right;
};

struct WinogradFunctions {
  /** Rows that a product computes at once, and columns, which lie together: a panel. */
  std::size_t rows, columns;
  /** G w Gᵀ of `count` outputs up to `columns`, zeros for the others; taps lie `tap` floats apart. */
  void (*weights)(const float* w, std::size_t tap, std::size_t count, float* u, std::size_t step);
  /** Bᵀ x B of a tile of 6x6; x is where its first row and column would be. */
  void (*input)(const float* x, const WinogradTile& tile, float* v, std::size_t step);
  /** Aᵀ m A of a tile of 4x4, and a bias [16] where there is one. */
  void (*output)(const float* m, std::size_t step, const float* bias, float* y, const WinogradTile& tile);
  /** A dy Aᵀ of a tile of 4x4. */
  void (*error)(const float* dy, const WinogradTile& tile, float* z, std::size_t step);
  /** Gᵀ d G of 16 weights, which lie `tap` floats apart. */
  void (*gradient)(const float* d, std::size_t step, float* w, std::size_t tap);
  /**
   * c[r, n] = Σ_k a[k · aStep + r · aRow] · b[k · columns + n], added to c where `add`; r below `count`, a multiple of `rows`; rows
   * of c lie cRow apart.
   */
  void (*product)(const float* a, std::size_t aRow, std::size_t aStep, const float* b, std::size_t depth, float* c, std::size_t cRow,
                  std::size_t count, bool add);
};

MS_TABLE(WinogradFunctions, winograd)

}  // namespace ms
