#include "core/ops/residual.hpp"

#include "core/ops/cuda/column_sums.hpp"
#include "core/ops/cuda/row_residual.cuh"

namespace accord::cuda {
namespace {

template <class T, int V>
struct ResidualForward {
  Rows<T const> branch;
  RowList rows;
  RowFactors<T, V> factors;
  Rows<T> x;
  __device__ void operator()(Index i, Index j) const {
    float values[V], added[V], factor[V];
    T* const to = &x[rows[i]][j];
    load(values, to);
    load(added, &branch[i][j]);
    factors.load_at(factor, i, j);
    for (int k = 0; k < V; ++k) values[k] += factor[k] * added[k];
    store(to, values);
  }
};

template <class T, int V>
__global__ void residual_backward_kernel(Index m, Index columns, Rows<T const> dx,
                                         Rows<T const> branch, RowList rows,
                                         RowFactors<T, V> factors, Rows<T> dbranch,
                                         float* __restrict__ partial) {
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float sums[V] = {};
    for (Index i = blockIdx.x; i < m; i += gridDim.x) {
      float upstream[V], values[V];
      load(upstream, &dx[rows[i]][j]);
      if (partial) {
        float const of_row = factors.of_row(i);
        load(values, &branch[i][j]);
        for (int k = 0; k < V; ++k) sums[k] += of_row * values[k] * upstream[k];
      }
      factors.load_at(values, i, j);
      for (int k = 0; k < V; ++k) values[k] *= upstream[k];
      store(&dbranch[i][j], values);
    }
    if (partial) store(&partial[blockIdx.x * columns + j], sums);
  }
}

}  // namespace

template <class T>
void residual_forward(Queue& queue, ConstView branch, ConstView rows, ConstView row_scale,
                      ConstView gamma, View x) {
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "residual_forward", branch.rows(), branch.columns(),
                            ResidualForward<T, V>{Rows<T const>(branch), RowList(rows),
                                                  factors_of<T, V>(row_scale, gamma), Rows<T>(x)});
      },
      branch, gamma, x);
}
template void residual_forward<float>(Queue&, ConstView, ConstView, ConstView, ConstView, View);
template void residual_forward<BFloat16>(Queue&, ConstView, ConstView, ConstView, ConstView, View);

template <class T>
void residual_backward(Queue& queue, ConstView dx, ConstView branch, ConstView rows,
                       ConstView row_scale, ConstView gamma, View dbranch, View dgamma) {
  Index const m = dbranch.rows(), columns = dbranch.columns();
  ConstView const read = dgamma ? branch : ConstView{};
  with_pack_width<T>(
      [&]<int V>() {
        Geometry const geometry = column_sum_grid(m, columns, V, 0);
        if (geometry.blocks == 0) return;
        Tensor partial;
        if (dgamma) partial = Tensor(queue, DType::float32, Shape{geometry.blocks, columns});
        launch(queue, "residual_backward", geometry, residual_backward_kernel<T, V>, m, columns,
               Rows<T const>(dx), Rows<T const>(read), RowList(rows),
               factors_of<T, V>(row_scale, gamma), Rows<T>(dbranch),
               optional_values<float>(partial.view()));
        if (dgamma) add_partial(queue, partial, columns, {dgamma});
      },
      dx, read, gamma, dbranch);
}
template void residual_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                       ConstView, View, View);
template void residual_backward<BFloat16>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                          ConstView, View, View);

}  // namespace accord::cuda
