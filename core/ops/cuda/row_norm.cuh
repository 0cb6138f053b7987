#pragma once
// LayerNorm of a row by one block: what all kernels that end or begin with a norm are made of.
// Thread t visits columns [V t, V t + V), then those a block's width further: what it writes to a
// row it may read again without a barrier.

#include "core/ops/cuda/column_sums.hpp"
#include "core/ops/cuda/launch.cuh"
#include "core/ops/layer_norm.hpp"

namespace accord::cuda {

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

__device__ inline float inverse_deviation(float squares, Index width) {
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

template <int V, class From, class T>
__device__ void normalise_row(From const* from, T* to, Index columns, Affine<T, V> const& affine,
                              float mean, float rstd) {
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V];
    load(values, &from[j]);
    affine.normalise(values, j, mean, rstd);
    store(&to[j], values);
  }
}

/// Sums over the rows of a block, `results` per column, in shared memory: every thread owns those
/// of the columns that it visits. Not wanted: no memory, and nothing happens.
struct ColumnSums {
  float* sums;  // [results, columns]
  int results;
  Index columns;
  bool wanted;

  template <int V>
  __device__ void clear() const {
    float const zero[V] = {};
    for (Index j = threadIdx.x * V; j < columns && wanted; j += blockDim.x * V)
      for (int r = 0; r < results; ++r) store(&sums[r * columns + j], zero);
  }
  template <int V>
  __device__ void add(int result, Index j, float const (&values)[V]) const {
    if (!wanted) return;
    float sum[V];
    load(sum, &sums[result * columns + j]);
    for (int k = 0; k < V; ++k) sum[k] += values[k];
    store(&sums[result * columns + j], sum);
  }
  /// To this block's row of `partial` [blocks, results * columns].
  template <int V>
  __device__ void write(float* partial) const {
    float* const to = partial + blockIdx.x * results * columns;
    for (Index j = threadIdx.x * V; j < columns && wanted; j += blockDim.x * V)
      for (int r = 0; r < results; ++r) {
        float sum[V];
        load(sum, &sums[r * columns + j]);
        store(&to[r * columns + j], sum);
      }
  }
};

/// Launches by `body(partial)` with room for the blocks' column sums, and adds these up to
/// `results` behind it; with null where none is given.
template <class Body>
void with_column_sums(Queue& queue, Geometry const& geometry, Index columns,
                      std::initializer_list<View> results, Body const& body) {
  if (geometry.blocks == 0) return;
  if (std::none_of(results.begin(), results.end(), [](View view) { return bool(view); }))
    return body(nullptr);
  Tensor partial(queue, DType::float32,
                 Shape{geometry.blocks, static_cast<Index>(results.size()) * columns});
  body(partial.view().as<float>());
  add_partial(queue, partial, columns, results);
}

template <class T, int V>
Affine<T, V> affine_of(ConstView weight, ConstView bias) {
  return {optional_values<T>(weight), optional_values<T>(bias)};
}

/// The backward of a norm whose row i read row `row` of x.
template <class T, int V>
struct NormBackward {
  Rows<T const> dy, x;
  Affine<T, V> affine;
  float const* mean;
  float const* rstd;

  /// dy and xhat of columns [j, j + V).
  __device__ void load_at(float (&upstream)[V], float (&xhat)[V], Index i, Index row,
                          Index j) const {
    load(upstream, &dy[i][j]);
    load(xhat, &x[row][j]);
    for (float& value : xhat) value = (value - mean[i]) * rstd[i];
  }
  /// Adds the gradient of x there. `sums`: those of the whole row, `width` columns wide.
  __device__ void add_dx(float (&dx)[V], Index i, Index row, Index j, Index width,
                         float2 sums) const {
    float upstream[V], xhat[V], w[V];
    load_at(upstream, xhat, i, row, j);
    affine.weights(w, j);
    float const of_g = sums.x / static_cast<float>(width);
    float const of_g_xhat = sums.y / static_cast<float>(width);
    for (int k = 0; k < V; ++k)
      dx[k] += rstd[i] * (upstream[k] * w[k] - of_g - xhat[k] * of_g_xhat);
  }
};

template <class T, int V>
NormBackward<T, V> norm_backward_of(ConstView dy, ConstView x, ConstView weight, ConstView mean,
                                    ConstView rstd) {
  return {Rows<T const>(dy), Rows<T const>(x), affine_of<T, V>(weight, {}), mean.as<float>(),
          rstd.as<float>()};
}

/// {sum g, sum g xhat} of a row, and its share of dweight and dbias, the first two column sums.
template <class T, int V>
__device__ float2 backward_sums_of_row(NormBackward<T, V> const& at, Index i, Index row,
                                       Index columns, ColumnSums const& column_sums) {
  float of_g = 0, of_g_xhat = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float upstream[V], xhat[V], w[V];
    at.load_at(upstream, xhat, i, row, j);
    at.affine.weights(w, j);
    column_sums.add(1, j, upstream);
    for (int k = 0; k < V; ++k) {
      of_g += upstream[k] * w[k];
      of_g_xhat += upstream[k] * w[k] * xhat[k];
      upstream[k] *= xhat[k];
    }
    column_sums.add(0, j, upstream);
  }
  of_g = block_sum(of_g);
  return {of_g, block_sum(of_g_xhat)};
}

}  // namespace accord::cuda
