#pragma once
// Sums over rows, per column, in one order: each block keeps the sums of its rows, and a second
// kernel adds those of the blocks. No atomics.

#include <initializer_list>

#include "core/tensor/tensor.hpp"

namespace accord::cuda {

/// Adds partial sums [blocks, results * columns] up: the first `columns` of a row to the first
/// result, the next to the second, at most three. A view that is not given is not wanted.
void add_partial(Queue& queue, ConstView partial, Index columns,
                 std::initializer_list<View> results);

}  // namespace accord::cuda
