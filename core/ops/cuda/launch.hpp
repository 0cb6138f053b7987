#pragma once
// Launch geometry: plain numbers, computed on the host, so that they can be tested there. What a
// sum's order depends on (rows per block, number of blocks) is a function of the shape alone, never
// of the device.

#include <algorithm>
#include <cstdint>

#include "core/tensor/view.hpp"

namespace accord::cuda {

struct Geometry {
  std::int64_t blocks = 0;  ///< 0: nothing to do
  int threads = 0;
  std::size_t shared_bytes = 0;
};

inline constexpr int most_threads = 256;
/// Enough blocks to fill the largest device of today (132 multiprocessors, two blocks each).
inline constexpr std::int64_t full_device = 264;
inline constexpr std::size_t vector_bytes = 16;

/// Threads for a row of `columns`, each taking `per_thread` of them at a time: whole warps.
inline int row_threads(Index columns, Index per_thread) {
  Index const packs = (columns + per_thread - 1) / per_thread;
  return static_cast<int>(std::clamp<Index>((packs + 31) / 32 * 32, 32, most_threads));
}

/// Each block takes one tile of one row; a tile is what the threads take at once, four times over.
struct ElementGrid {
  Geometry geometry;
  Index tiles = 0;         ///< of a row
  Index tile_columns = 0;  ///< the last tile of a row may be narrower
};
inline ElementGrid element_grid(Index rows, Index columns, Index per_thread) {
  if (rows == 0 || columns == 0) return {};
  int const threads = row_threads(columns, per_thread);
  Index const tile = threads * per_thread * 4, tiles = (columns + tile - 1) / tile;
  return {{rows * tiles, threads, 0}, tiles, tile};
}

/// One block per row.
inline Geometry row_grid(Index rows, Index columns, Index per_thread) {
  return {columns == 0 ? 0 : rows, row_threads(columns, per_thread), 0};
}

/// Blocks that each take every blocks-th row and keep `sums` float32 column sums in shared memory.
inline Geometry column_sum_grid(Index rows, Index columns, Index per_thread, int sums) {
  return {columns == 0 ? 0 : std::min(rows, full_device), row_threads(columns, per_thread),
          static_cast<std::size_t>(sums * columns) * sizeof(float)};
}

/// 16-byte accesses are possible on every row of the view. An absent view does not object.
inline bool vectorizable(ConstView view) {
  if (!view) return true;
  auto const size = size_of(view.dtype());
  return reinterpret_cast<std::uintptr_t>(view.data()) % vector_bytes == 0 &&
         static_cast<std::size_t>(view.columns()) * size % vector_bytes == 0 &&
         (view.rows() <= 1 || static_cast<std::size_t>(view.stride()) * size % vector_bytes == 0);
}

}  // namespace accord::cuda
