#pragma once
// Products of queries with keys, a tile at a time, and what kernels do with a row of them.

#include <algorithm>

#include "core/ops/cuda/launch.cuh"
#include "core/ops/gemm.hpp"

namespace accord::cuda {

inline constexpr Index query_block = 4096;  // rows of products held at once, times `tile` columns

/// Calls visit(first query, queries, first key, products) for one tile after another; `products`
/// [queries, keys of the tile] = q k^T in float32.
template <class Visit>
void for_each_tile(Queue& queue, ConstView q, ConstView k, Index tile, Visit&& visit) {
  Tensor workspace(queue, DType::float32,
                   {std::min(q.rows(), query_block), std::min(k.rows(), tile)});
  for (Index key = 0; key < k.rows(); key += tile)
    for (Index query = 0; query < q.rows(); query += query_block) {
      Index const keys = std::min(tile, k.rows() - key);
      Index const queries = std::min(query_block, q.rows() - query);
      View const products = workspace.view().rows(0, queries).columns(0, keys);
      accord::gemm(queue, Transpose::no, q.rows(query, queries), Transpose::yes, k.rows(key, keys),
                   products);
      visit(query, queries, key, products);
    }
}

/// Threads that a block needs for a row of `keys`: a power of two, for its tree.
inline int tree_threads(Index keys) {
  int threads = 32;
  while (threads < most_threads && threads < keys) threads *= 2;
  return threads;
}

/// Of each thread's best key the block's: the largest value, and of equal ones the smallest index.
/// All threads of a block of tree_threads() call it, and all get the result.
__device__ inline void block_best(float& value, int& index) {
  __shared__ float best_value[most_threads];
  __shared__ int best_index[most_threads];
  int const thread = static_cast<int>(threadIdx.x);
  best_value[thread] = value;
  best_index[thread] = index;
  for (int half = static_cast<int>(blockDim.x) / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) {
      float const other = best_value[thread + half];
      int const other_index = best_index[thread + half];
      if (other > best_value[thread] ||
          (other == best_value[thread] && other_index < best_index[thread])) {
        best_value[thread] = other;
        best_index[thread] = other_index;
      }
    }
  }
  __syncthreads();
  value = best_value[0];
  index = best_index[0];
}

/// *sum += all values, added up in double.
static __global__ void add_up_kernel(Index count, float const* __restrict__ values, float* sum) {
  double total = 0;
  for (Index i = threadIdx.x; i < count; i += blockDim.x) total += values[i];
  total = block_sum(total);
  if (threadIdx.x == 0) *sum += static_cast<float>(total);
}

}  // namespace accord::cuda
