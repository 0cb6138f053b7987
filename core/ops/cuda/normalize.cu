#include "core/ops/normalize.hpp"

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

template <class T, int V>
__global__ void normalize_forward_kernel(Index columns, Rows<T const> x, Rows<T> y,
                                         float* __restrict__ inverse_norm) {
  Index const i = blockIdx.x;
  float squares = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V];
    load(values, &x[i][j]);
    for (float const value : values) squares += value * value;
  }
  float const inverse = 1 / fmaxf(sqrtf(block_sum(squares)), static_cast<float>(normalize_epsilon));
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V];
    load(values, &x[i][j]);
    for (float& value : values) value *= inverse;
    store(&y[i][j], values);
  }
  if (threadIdx.x == 0) inverse_norm[i] = inverse;
}

template <class T, class D, int V>
__global__ void normalize_backward_kernel(Index columns, Rows<D const> dy, Rows<T const> y,
                                          float const* __restrict__ inverse_norm, Rows<T> dx) {
  Index const i = blockIdx.x;
  float product = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float upstream[V], values[V];
    load(upstream, &dy[i][j]);
    load(values, &y[i][j]);
    for (int k = 0; k < V; ++k) product += values[k] * upstream[k];
  }
  float const inverse = inverse_norm[i];
  product = block_sum(product);
  // The clamped norm is a constant.
  if (inverse >= static_cast<float>(1 / normalize_epsilon)) product = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float upstream[V], values[V];
    load(upstream, &dy[i][j]);
    load(values, &y[i][j]);
    for (int k = 0; k < V; ++k) values[k] = inverse * (upstream[k] - values[k] * product);
    store(&dx[i][j], values);
  }
}

}  // namespace

template <class T>
void normalize_forward(Queue& queue, ConstView x, View y, View inverse_norm) {
  with_pack_width<T>(
      [&]<int V>() {
        launch(queue, "normalize_forward", row_grid(x.rows(), x.columns(), V),
               normalize_forward_kernel<T, V>, x.columns(), Rows<T const>(x), Rows<T>(y),
               inverse_norm.as<float>());
      },
      x, y);
}
template void normalize_forward<float>(Queue&, ConstView, View, View);
template void normalize_forward<BFloat16>(Queue&, ConstView, View, View);

namespace {

template <class T, class D>
void backward_of(Queue& queue, ConstView dy, ConstView y, ConstView inverse_norm, View dx) {
  with_pack_width<T>(
      [&]<int V>() {
        launch(queue, "normalize_backward", row_grid(y.rows(), y.columns(), V),
               normalize_backward_kernel<T, D, V>, y.columns(), Rows<D const>(dy), Rows<T const>(y),
               inverse_norm.as<float>(), Rows<T>(dx));
      },
      dy, y, dx);
}

}  // namespace

template <class T>
void normalize_backward(Queue& queue, ConstView dy, ConstView y, ConstView inverse_norm, View dx) {
  if (dy.dtype() == y.dtype()) return backward_of<T, T>(queue, dy, y, inverse_norm, dx);
  backward_of<T, float>(queue, dy, y, inverse_norm, dx);
}
template void normalize_backward<float>(Queue&, ConstView, ConstView, ConstView, View);
template void normalize_backward<BFloat16>(Queue&, ConstView, ConstView, ConstView, View);

}  // namespace accord::cuda
