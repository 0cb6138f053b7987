#include "core/ops/cuda/column_sums.hpp"

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

constexpr int tile = 32;
constexpr int slices = most_threads / tile;

// A block takes 32 columns; each of its slices every eighth row of `partial`.
__global__ void add_partial_kernel(Index blocks, Index columns, Index width,
                                   float const* __restrict__ partial, float* first, float* second) {
  __shared__ float sums[slices][tile];
  int const lane = threadIdx.x % tile, slice = threadIdx.x / tile;
  Index const j = static_cast<Index>(blockIdx.x) * tile + lane;
  float sum = 0;
  if (j < width)
    for (Index b = slice; b < blocks; b += slices) sum += partial[b * width + j];
  sums[slice][lane] = sum;
  __syncthreads();
  if (slice > 0 || j >= width) return;
  for (int other = 1; other < slices; ++other) sum += sums[other][lane];
  float* const to = j < columns ? first : second;
  if (to) to[j % columns] += sum;
}

}  // namespace

void add_partial(Queue& queue, ConstView partial, Index columns, int results, float* first,
                 float* second) {
  Index const width = results * columns;
  launch(queue, "add_partial", {(width + tile - 1) / tile, most_threads, 0}, add_partial_kernel,
         partial.rows(), columns, width, partial.as<float>(), first, second);
}

}  // namespace accord::cuda
