#include "core/ops/layer_norm.hpp"

#include "core/ops/cuda/row_norm.cuh"

namespace accord::cuda {
namespace {

// One block per row. The row is read three times, the second and third time from cache: a row of
// 6144 bfloat16 is 12 KB.
template <class T, int V>
__global__ void layer_norm_forward_kernel(Index columns, Rows<T const> x, RowList rows,
                                          Affine<T, V> affine, Rows<T> y, float* __restrict__ means,
                                          float* __restrict__ rstds) {
  Index const i = blockIdx.x;
  T const* const from = x[rows[i]];
  float const mean = sum_of_row<V>(from, columns) / static_cast<float>(columns);
  float const rstd = inverse_deviation(centred_squares_of_row<V>(from, columns, mean), columns);
  normalise_row<V>(from, y[i], columns, affine, mean, rstd);
  if (threadIdx.x == 0) {
    means[i] = mean;
    rstds[i] = rstd;
  }
}

template <class T, int V>
__device__ void write_dx_of_row(NormBackward<T, V> const& at, Index i, Index row, Index columns,
                                Index width, float2 sums, Write write, T* dx) {
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V] = {};
    if (write == Write::accumulate) load(values, &dx[j]);
    at.add_dx(values, i, row, j, width, sums);
    store(&dx[j], values);
  }
}

template <class T, int V>
__global__ void layer_norm_backward_kernel(Index m, Index columns, NormBackward<T, V> at,
                                           RowList rows, Write write, Rows<T> dx,
                                           float* __restrict__ partial) {
  ColumnSums const column_sums{reinterpret_cast<float*>(dynamic_shared()), 2, columns,
                               partial != nullptr};
  column_sums.template clear<V>();
  for (Index i = blockIdx.x; i < m; i += gridDim.x) {
    Index const row = rows[i];
    float2 const sums = backward_sums_of_row(at, i, row, columns, column_sums);
    write_dx_of_row(at, i, row, columns, columns, sums, write, dx[row]);
  }
  column_sums.template write<V>(partial);
}

template <class T, int V>
__global__ void row_sum_kernel(Index columns, Rows<T const> x, float* __restrict__ sum) {
  float const total = sum_of_row<V>(x[blockIdx.x], columns);
  if (threadIdx.x == 0) sum[blockIdx.x] = total;
}

template <class T, int V>
__global__ void row_centred_squares_kernel(Index columns, Index width, Rows<T const> x,
                                           float const* __restrict__ sum,
                                           float* __restrict__ squares) {
  float const mean = sum[blockIdx.x] / static_cast<float>(width);
  float const total = centred_squares_of_row<V>(x[blockIdx.x], columns, mean);
  if (threadIdx.x == 0) squares[blockIdx.x] = total;
}

template <class T, int V>
__global__ void layer_norm_apply_kernel(Index columns, Index width, Rows<T const> x,
                                        float const* __restrict__ sum,
                                        float const* __restrict__ squares, Affine<T, V> affine,
                                        Rows<T> y, float* __restrict__ means,
                                        float* __restrict__ rstds) {
  Index const i = blockIdx.x;
  float const mean = sum[i] / static_cast<float>(width);
  float const rstd = inverse_deviation(squares[i], width);
  normalise_row<V>(x[i], y[i], columns, affine, mean, rstd);
  if (threadIdx.x == 0) {
    means[i] = mean;
    rstds[i] = rstd;
  }
}

template <class T, int V>
__global__ void layer_norm_backward_sums_kernel(Index m, Index columns, NormBackward<T, V> at,
                                                float* __restrict__ sums,
                                                float* __restrict__ partial) {
  ColumnSums const column_sums{reinterpret_cast<float*>(dynamic_shared()), 2, columns,
                               partial != nullptr};
  column_sums.template clear<V>();
  for (Index i = blockIdx.x; i < m; i += gridDim.x) {
    float2 const of_row = backward_sums_of_row(at, i, i, columns, column_sums);
    if (threadIdx.x == 0) {
      sums[2 * i] = of_row.x;
      sums[2 * i + 1] = of_row.y;
    }
  }
  column_sums.template write<V>(partial);
}

template <class T, int V>
__global__ void layer_norm_backward_apply_kernel(Index columns, Index width, NormBackward<T, V> at,
                                                 float const* __restrict__ sums, Rows<T> dx) {
  Index const i = blockIdx.x;
  write_dx_of_row(at, i, i, columns, width, {sums[2 * i], sums[2 * i + 1]}, Write::overwrite,
                  dx[i]);
}

}  // namespace

template <class T>
void layer_norm_forward(Queue& queue, ConstView x, ConstView rows, ConstView weight, ConstView bias,
                        View y, View mean, View rstd) {
  with_pack_width<T>(
      [&]<int V>() {
        launch(queue, "layer_norm_forward", row_grid(y.rows(), x.columns(), V),
               layer_norm_forward_kernel<T, V>, x.columns(), Rows<T const>(x), RowList(rows),
               affine_of<T, V>(weight, bias), Rows<T>(y), mean.as<float>(), rstd.as<float>());
      },
      x, weight, bias, y);
}

template <class T>
void layer_norm_backward(Queue& queue, ConstView dy, ConstView x, ConstView rows, ConstView weight,
                         ConstView mean, ConstView rstd, Write write, View dx, View dweight,
                         View dbias) {
  Index const m = dy.rows(), columns = dy.columns();
  with_pack_width<T>(
      [&]<int V>() {
        Geometry const geometry = column_sum_grid(m, columns, V, dweight || dbias ? 2 : 0);
        with_column_sums(queue, geometry, columns, {dweight, dbias}, [&](float* partial) {
          launch(queue, "layer_norm_backward", geometry, layer_norm_backward_kernel<T, V>, m,
                 columns, norm_backward_of<T, V>(dy, x, weight, mean, rstd), RowList(rows), write,
                 Rows<T>(dx), partial);
        });
      },
      dy, x, weight, dx);
}

template <class T>
void row_sum(Queue& queue, ConstView x, View sum) {
  with_pack_width<T>(
      [&]<int V>() {
        launch(queue, "row_sum", row_grid(x.rows(), x.columns(), V), row_sum_kernel<T, V>,
               x.columns(), Rows<T const>(x), sum.as<float>());
      },
      x);
}

template <class T>
void row_centred_squares(Queue& queue, ConstView x, ConstView sum, Index width, View squares) {
  with_pack_width<T>(
      [&]<int V>() {
        launch(queue, "row_centred_squares", row_grid(x.rows(), x.columns(), V),
               row_centred_squares_kernel<T, V>, x.columns(), width, Rows<T const>(x),
               sum.as<float>(), squares.as<float>());
      },
      x);
}

template <class T>
void layer_norm_apply(Queue& queue, ConstView x, ConstView sum, ConstView squares, Index width,
                      ConstView weight, ConstView bias, View y, View mean, View rstd) {
  with_pack_width<T>(
      [&]<int V>() {
        launch(queue, "layer_norm_apply", row_grid(x.rows(), x.columns(), V),
               layer_norm_apply_kernel<T, V>, x.columns(), width, Rows<T const>(x), sum.as<float>(),
               squares.as<float>(), affine_of<T, V>(weight, bias), Rows<T>(y), mean.as<float>(),
               rstd.as<float>());
      },
      x, weight, bias, y);
}

template <class T>
void layer_norm_backward_sums(Queue& queue, ConstView dy, ConstView x, ConstView weight,
                              ConstView mean, ConstView rstd, View sums, View dweight, View dbias) {
  Index const m = dy.rows(), columns = dy.columns();
  with_pack_width<T>(
      [&]<int V>() {
        Geometry const geometry = column_sum_grid(m, columns, V, dweight || dbias ? 2 : 0);
        with_column_sums(queue, geometry, columns, {dweight, dbias}, [&](float* partial) {
          launch(queue, "layer_norm_backward_sums", geometry, layer_norm_backward_sums_kernel<T, V>,
                 m, columns, norm_backward_of<T, V>(dy, x, weight, mean, rstd), sums.as<float>(),
                 partial);
        });
      },
      dy, x, weight);
}

template <class T>
void layer_norm_backward_apply(Queue& queue, ConstView dy, ConstView x, ConstView weight,
                               ConstView mean, ConstView rstd, ConstView sums, Index width,
                               View dx) {
  with_pack_width<T>(
      [&]<int V>() {
        launch(queue, "layer_norm_backward_apply", row_grid(dy.rows(), dy.columns(), V),
               layer_norm_backward_apply_kernel<T, V>, dy.columns(), width,
               norm_backward_of<T, V>(dy, x, weight, mean, rstd), sums.as<float>(), Rows<T>(dx));
      },
      dy, x, weight, dx);
}

#define ACCORD_INSTANTIATE(T)                                                                    \
  template void layer_norm_forward<T>(Queue&, ConstView, ConstView, ConstView, ConstView, View,  \
                                      View, View);                                               \
  template void layer_norm_backward<T>(Queue&, ConstView, ConstView, ConstView, ConstView,       \
                                       ConstView, ConstView, Write, View, View, View);           \
  template void row_sum<T>(Queue&, ConstView, View);                                             \
  template void row_centred_squares<T>(Queue&, ConstView, ConstView, Index, View);               \
  template void layer_norm_apply<T>(Queue&, ConstView, ConstView, ConstView, Index, ConstView,   \
                                    ConstView, View, View, View);                                \
  template void layer_norm_backward_sums<T>(Queue&, ConstView, ConstView, ConstView, ConstView,  \
                                            ConstView, View, View, View);                        \
  template void layer_norm_backward_apply<T>(Queue&, ConstView, ConstView, ConstView, ConstView, \
                                             ConstView, ConstView, Index, View);
ACCORD_INSTANTIATE(float)
ACCORD_INSTANTIATE(BFloat16)
#undef ACCORD_INSTANTIATE

}  // namespace accord::cuda
