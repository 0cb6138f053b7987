#include "core/ops/cuda/column_sums.hpp"

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

constexpr int tile = 32;
constexpr int slices = most_threads / tile;

struct Results {
  float* of[3];
};

// A block takes 32 columns; each of its slices every eighth row of `partial`.
__global__ void add_partial_kernel(Index blocks, Index columns, Index width,
                                   float const* __restrict__ partial, Results results) {
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
  float* const to = results.of[j / columns];
  if (to) to[j % columns] += sum;
}

}  // namespace

void add_partial(Queue& queue, ConstView partial, Index columns,
                 std::initializer_list<View> results) {
  Results to{};
  std::transform(results.begin(), results.end(), to.of,
                 [](View view) { return optional_values<float>(view); });
  Index const width = static_cast<Index>(results.size()) * columns;
  launch(queue, "add_partial", {(width + tile - 1) / tile, most_threads, 0}, add_partial_kernel,
         partial.rows(), columns, width, partial.as<float>(), to);
}

}  // namespace accord::cuda
