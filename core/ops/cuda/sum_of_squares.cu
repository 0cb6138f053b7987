#include "core/ops/sum_of_squares.hpp"

#include "core/ops/cuda/launch.cuh"
#include "core/tensor/tensor.hpp"

namespace accord::cuda {
namespace {

template <class T>
__global__ void square_kernel(Index size, T const* __restrict__ x, double* __restrict__ partial) {
  double sum = 0;
  Index const step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    double const value = to_float(x[i]);
    sum += value * value;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void total_kernel(Index count, double const* __restrict__ partial, double* sum) {
  double total = 0;
  for (Index i = threadIdx.x; i < count; i += blockDim.x) total += partial[i];
  total = block_sum(total);
  if (threadIdx.x == 0) *sum += total;
}

}  // namespace

template <class T>
void sum_of_squares(Queue& queue, ConstView x, View sum) {
  Index const blocks = std::min((x.size() + most_threads - 1) / most_threads, full_device);
  if (blocks == 0) return;
  Tensor partial(queue, DType::float64, Shape{blocks});
  launch(queue, "sum_of_squares", {blocks, most_threads, 0}, square_kernel<T>, x.size(), x.as<T>(),
         partial.view().as<double>());
  launch(queue, "sum_of_squares", {1, most_threads, 0}, total_kernel, blocks,
         partial.view().as<double>(), sum.as<double>());
}
template void sum_of_squares<float>(Queue&, ConstView, View);
template void sum_of_squares<BFloat16>(Queue&, ConstView, View);

}  // namespace accord::cuda
