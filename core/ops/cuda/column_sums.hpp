#pragma once
// Sums over rows, per column, in one order: each block keeps the sums of its rows, and a second
// kernel adds those of the blocks. No atomics.

#include "core/tensor/tensor.hpp"

namespace accord::cuda {

/// Adds partial sums [blocks, results * columns] up: the first `columns` of a row to `first`, the
/// others, where there are two results, to `second`. Either may be null: not wanted.
void add_partial(Queue& queue, ConstView partial, Index columns, int results, float* first,
                 float* second = nullptr);

}  // namespace accord::cuda
