#include "core/ops/bias.hpp"

#include "core/ops/cuda/column_sums.hpp"
#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

template <class T, int V>
struct BiasForward {
  T const* bias;
  Rows<T> y;
  __device__ void operator()(Index i, Index j) const {
    float values[V], b[V];
    load(values, &y[i][j]);
    load(b, &bias[j]);
    for (int k = 0; k < V; ++k) values[k] += b[k];
    store(&y[i][j], values);
  }
};

template <class T, int V>
__global__ void bias_backward_kernel(Index rows, Index columns, Rows<T const> dy,
                                     float* __restrict__ partial) {
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float sums[V] = {};
    for (Index i = blockIdx.x; i < rows; i += gridDim.x) {
      float values[V];
      load(values, &dy[i][j]);
      for (int k = 0; k < V; ++k) sums[k] += values[k];
    }
    store(&partial[blockIdx.x * columns + j], sums);
  }
}

}  // namespace

template <class T>
void bias_forward(Queue& queue, ConstView bias, View y) {
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "bias_forward", y.rows(), y.columns(),
                            BiasForward<T, V>{bias.as<T>(), Rows<T>(y)});
      },
      bias, y);
}
template void bias_forward<float>(Queue&, ConstView, View);
template void bias_forward<BFloat16>(Queue&, ConstView, View);

template <class T>
void bias_backward(Queue& queue, ConstView dy, View dbias) {
  Index const rows = dy.rows(), columns = dy.columns();
  with_pack_width<T>(
      [&]<int V>() {
        Geometry const geometry = column_sum_grid(rows, columns, V, 0);
        if (geometry.blocks == 0) return;
        Tensor partial(queue, DType::float32, Shape{geometry.blocks, columns});
        launch(queue, "bias_backward", geometry, bias_backward_kernel<T, V>, rows, columns,
               Rows<T const>(dy), partial.view().as<float>());
        add_partial(queue, partial, columns, {dbias});
      },
      dy);
}
template void bias_backward<float>(Queue&, ConstView, View);
template void bias_backward<BFloat16>(Queue&, ConstView, View);

}  // namespace accord::cuda
