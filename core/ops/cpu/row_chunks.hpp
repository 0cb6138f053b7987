#pragma once
// How the cpu backend shares rows among threads, and sums over them.

#include <algorithm>

#include "core/base/parallel_for.hpp"
#include "core/tensor/tensor.hpp"

namespace accord::cpu {

/// Elements worth a thread of their own.
inline constexpr Index thread_grain = 16384;

/// body(row) for each row; the calls are independent of each other.
template <class Body>
void for_each_row(Index rows, Index columns, Body&& body) {
  parallel_for(rows, std::max<Index>(1, thread_grain / std::max<Index>(columns, 1)),
               [&](Index begin, Index end) {
                 for (Index row = begin; row < end; ++row) body(row);
               });
}

/// sums[j] += what body(row, partial) adds to partial[j] over all rows, for j < width. Rows are
/// summed in blocks of fixed size and the blocks in order, so the bits do not depend on the number
/// of threads.
template <class T, class Body>
void for_each_row_with_sums(Queue& queue, Index rows, Index width, T* sums, Body&& body) {
  constexpr Index block_rows = 64;
  Index const blocks = (rows + block_rows - 1) / block_rows;
  if (blocks == 0) return;
  Tensor partials(queue, dtype_of<T>, Shape{blocks, width});
  T* const partial = partials.view().template as<T>();
  parallel_for(blocks, std::max<Index>(1, thread_grain / (block_rows * std::max<Index>(width, 1))),
               [&](Index begin, Index end) {
                 for (Index block = begin; block < end; ++block) {
                   T* const into = partial + block * width;
                   std::fill_n(into, width, T{0});
                   Index const last = std::min(rows, (block + 1) * block_rows);
                   for (Index row = block * block_rows; row < last; ++row) body(row, into);
                 }
               });
  parallel_for(width, std::max<Index>(1, thread_grain / blocks), [&](Index begin, Index end) {
    for (Index block = 0; block < blocks; ++block) {
      T const* const from = partial + block * width;
      for (Index j = begin; j < end; ++j) sums[j] += from[j];
    }
  });
}

}  // namespace accord::cpu
