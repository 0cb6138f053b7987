#include "core/ops/layer_norm.hpp"

#include "core/ops/cuda/column_sums.hpp"
#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

/// weight and bias of the columns a thread looks at; 1 and 0 where they are not given.
template <class T, int V>
struct Affine {
  T const* weight;
  T const* bias;

  __device__ void weights(float (&values)[V], Index j) const {
    if (weight) return load(values, &weight[j]);
    for (float& value : values) value = 1;
  }
  __device__ void normalise(float (&values)[V], Index j, float mean, float rstd) const {
    float w[V], b[V] = {};
    weights(w, j);
    if (bias) load(b, &bias[j]);
    for (int k = 0; k < V; ++k) values[k] = (values[k] - mean) * rstd * w[k] + b[k];
  }
};

__device__ float inverse_deviation(float squares, Index width) {
  return rsqrtf(squares / static_cast<float>(width) + static_cast<float>(layer_norm_epsilon));
}

template <int V, class T>
__device__ float sum_of_row(T const* row, Index columns) {
  float sum = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V];
    load(values, &row[j]);
    for (float const value : values) sum += value;
  }
  return block_sum(sum);
}

template <int V, class T>
__device__ float centred_squares_of_row(T const* row, Index columns, float mean) {
  float squares = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V];
    load(values, &row[j]);
    for (float const value : values) squares += (value - mean) * (value - mean);
  }
  return block_sum(squares);
}

template <int V, class T>
__device__ void normalise_row(T const* from, T* to, Index columns, Affine<T, V> const& affine,
                              float mean, float rstd) {
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V];
    load(values, &from[j]);
    affine.normalise(values, j, mean, rstd);
    store(&to[j], values);
  }
}

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

/// What one thread needs of element (i, j) in backward: g = dy weight and xhat.
template <class T, int V>
struct Backward {
  Rows<T const> dy, x;
  RowList rows;
  Affine<T, V> affine;
  float const* mean;
  float const* rstd;

  __device__ void values(Index i, Index j, float (&upstream)[V], float (&xhat)[V]) const {
    load(upstream, &dy[i][j]);
    load(xhat, &x[rows[i]][j]);
    for (float& value : xhat) value = (value - mean[i]) * rstd[i];
  }
};

/// Column sums in shared memory: every thread owns the columns that it visits.
struct ColumnSums {
  float* sums;  // [2, columns]: dweight, dbias
  Index columns;
  bool wanted;

  template <int V>
  __device__ void clear() const {
    for (Index j = threadIdx.x * V; j < columns && wanted; j += blockDim.x * V)
      for (int k = 0; k < V; ++k) sums[j + k] = sums[columns + j + k] = 0;
  }
  template <int V>
  __device__ void add(Index j, float const (&upstream)[V], float const (&xhat)[V]) const {
    if (!wanted) return;
    for (int k = 0; k < V; ++k) {
      sums[j + k] += upstream[k] * xhat[k];
      sums[columns + j + k] += upstream[k];
    }
  }
  template <int V>
  __device__ void write(float* partial) const {
    float* const to = partial + blockIdx.x * 2 * columns;
    for (Index j = threadIdx.x * V; j < columns && wanted; j += blockDim.x * V)
      for (int k = 0; k < V; ++k) {
        to[j + k] = sums[j + k];
        to[columns + j + k] = sums[columns + j + k];
      }
  }
};

/// {sum g, sum g xhat} of row i, and its share of the column sums.
template <class T, int V>
__device__ float2 backward_sums_of_row(Backward<T, V> const& at, Index i, Index columns,
                                       ColumnSums const& column_sums) {
  float of_g = 0, of_g_xhat = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float upstream[V], xhat[V], w[V];
    at.values(i, j, upstream, xhat);
    column_sums.add(j, upstream, xhat);
    at.affine.weights(w, j);
    for (int k = 0; k < V; ++k) {
      of_g += upstream[k] * w[k];
      of_g_xhat += upstream[k] * w[k] * xhat[k];
    }
  }
  of_g = block_sum(of_g);
  return {of_g, block_sum(of_g_xhat)};
}

template <class T, int V>
__device__ void write_dx_of_row(Backward<T, V> const& at, Index i, Index columns, Index width,
                                float2 sums, Write write, T* dx) {
  float const of_g = sums.x / static_cast<float>(width);
  float const of_g_xhat = sums.y / static_cast<float>(width);
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float upstream[V], xhat[V], w[V], kept[V] = {};
    at.values(i, j, upstream, xhat);
    at.affine.weights(w, j);
    if (write == Write::accumulate) load(kept, &dx[j]);
    for (int k = 0; k < V; ++k)
      kept[k] += at.rstd[i] * (upstream[k] * w[k] - of_g - xhat[k] * of_g_xhat);
    store(&dx[j], kept);
  }
}

template <class T, int V>
__global__ void layer_norm_backward_kernel(Index m, Index columns, Backward<T, V> at, Write write,
                                           Rows<T> dx, float* __restrict__ partial) {
  ColumnSums const column_sums{reinterpret_cast<float*>(dynamic_shared()), columns,
                               partial != nullptr};
  column_sums.template clear<V>();
  for (Index i = blockIdx.x; i < m; i += gridDim.x) {
    float2 const sums = backward_sums_of_row(at, i, columns, column_sums);
    write_dx_of_row(at, i, columns, columns, sums, write, dx[at.rows[i]]);
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
__global__ void layer_norm_backward_sums_kernel(Index m, Index columns, Backward<T, V> at,
                                                float* __restrict__ sums,
                                                float* __restrict__ partial) {
  ColumnSums const column_sums{reinterpret_cast<float*>(dynamic_shared()), columns,
                               partial != nullptr};
  column_sums.template clear<V>();
  for (Index i = blockIdx.x; i < m; i += gridDim.x) {
    float2 const of_row = backward_sums_of_row(at, i, columns, column_sums);
    if (threadIdx.x == 0) {
      sums[2 * i] = of_row.x;
      sums[2 * i + 1] = of_row.y;
    }
  }
  column_sums.template write<V>(partial);
}

template <class T, int V>
__global__ void layer_norm_backward_apply_kernel(Index columns, Index width, Backward<T, V> at,
                                                 float const* __restrict__ sums, Rows<T> dx) {
  Index const i = blockIdx.x;
  write_dx_of_row(at, i, columns, width, {sums[2 * i], sums[2 * i + 1]}, Write::overwrite, dx[i]);
}

/// Runs `body(partial)` with room for the blocks' column sums, and adds these up behind it.
template <class Body>
void with_column_sums(Queue& queue, Geometry const& geometry, Index columns, View dweight,
                      View dbias, Body const& body) {
  if (geometry.blocks == 0) return;
  if (!dweight && !dbias) return body(nullptr);
  Tensor partial(queue, DType::float32, Shape{geometry.blocks, 2 * columns});
  body(partial.view().as<float>());
  add_partial(queue, partial, columns, 2, optional_values<float>(dweight),
              optional_values<float>(dbias));
}

template <class T, int V>
Affine<T, V> affine_of(ConstView weight, ConstView bias) {
  return {optional_values<T>(weight), optional_values<T>(bias)};
}

template <class T, int V>
Backward<T, V> backward_of(ConstView dy, ConstView x, ConstView rows, ConstView weight,
                           ConstView mean, ConstView rstd) {
  return {Rows<T const>(dy),           Rows<T const>(x), RowList(rows),
          affine_of<T, V>(weight, {}), mean.as<float>(), rstd.as<float>()};
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
        with_column_sums(queue, geometry, columns, dweight, dbias, [&](float* partial) {
          launch(queue, "layer_norm_backward", geometry, layer_norm_backward_kernel<T, V>, m,
                 columns, backward_of<T, V>(dy, x, rows, weight, mean, rstd), write, Rows<T>(dx),
                 partial);
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
        with_column_sums(queue, geometry, columns, dweight, dbias, [&](float* partial) {
          launch(queue, "layer_norm_backward_sums", geometry, layer_norm_backward_sums_kernel<T, V>,
                 m, columns, backward_of<T, V>(dy, x, {}, weight, mean, rstd), sums.as<float>(),
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
               backward_of<T, V>(dy, x, {}, weight, mean, rstd), sums.as<float>(), Rows<T>(dx));
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
