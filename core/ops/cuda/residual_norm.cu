#include "core/ops/residual_norm.hpp"

#include "core/ops/cuda/row_norm.cuh"
#include "core/ops/cuda/row_residual.cuh"

namespace accord::cuda {
namespace {

/// Row i of the branch belongs to row r of the stream, i = row_of[r], or none does: -1.
template <class T, int V>
struct Branch {
  Rows<T const> values;
  RowList row_of;
  RowFactors<T, V> factors;
};

template <class T, int V>
Branch<T, V> branch_of(EndingBranch const& branch) {
  return {Rows<T const>(branch.values), RowList(branch.index),
          factors_of<T, V>(branch.row_scale, branch.gamma)};
}

// One block per row of the stream, which lies in shared memory between sum and norm.
template <class T, int V>
__global__ void residual_norm_forward_kernel(Index columns, Rows<T const> x, Branch<T, V> branch,
                                             RowList normed_row, Affine<T, V> affine, Rows<T> sum,
                                             Rows<T> y, float* __restrict__ means,
                                             float* __restrict__ rstds) {
  auto* const row = reinterpret_cast<float*>(dynamic_shared());
  Index const r = blockIdx.x, from = branch.row_of[r], i = normed_row[r];
  float total = 0;
  for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
    float values[V];
    load(values, &x[r][j]);
    if (from >= 0) {
      float added[V], factor[V];
      load(added, &branch.values[from][j]);
      branch.factors.load_at(factor, from, j);
      for (int k = 0; k < V; ++k) values[k] += factor[k] * added[k];
    }
    store(&sum[r][j], values);
    for (float& value : values) total += value = to_float(from_float<T>(value));  // as stored
    store(&row[j], values);
  }
  if (i < 0) return;
  float const mean = block_sum(total) / static_cast<float>(columns);
  float const rstd = inverse_deviation(centred_squares_of_row<V>(row, columns, mean), columns);
  normalise_row<V>(row, y[i], columns, affine, mean, rstd);
  if (threadIdx.x == 0) {
    means[i] = mean;
    rstds[i] = rstd;
  }
}

// A block takes every gridDim-th row of the stream: once for the two sums of its norm, if it has
// one, and once for the gradients. Nobody reads a row that another block writes.
template <class T, int V>
__global__ void residual_norm_backward_kernel(Index rows, Index columns, NormBackward<T, V> norm,
                                              RowList normed_row, Branch<T, V> branch, Rows<T> dx,
                                              Rows<T> dbranch, float* __restrict__ partial) {
  ColumnSums const column_sums{reinterpret_cast<float*>(dynamic_shared()), 3, columns,
                               partial != nullptr};
  column_sums.template clear<V>();
  for (Index r = blockIdx.x; r < rows; r += gridDim.x) {
    Index const i = normed_row[r], to = branch.row_of[r];
    float2 sums{};
    if (i >= 0) sums = backward_sums_of_row(norm, i, r, columns, column_sums);
    for (Index j = threadIdx.x * V; j < columns; j += blockDim.x * V) {
      float upstream[V];
      load(upstream, &dx[r][j]);
      if (i >= 0) {
        norm.add_dx(upstream, i, r, j, columns, sums);
        store(&dx[r][j], upstream);
      }
      if (to < 0) continue;
      float factor[V], values[V];
      if (branch.values) {
        load(values, &branch.values[to][j]);
        float const of_row = branch.factors.of_row(to);
        for (int k = 0; k < V; ++k) values[k] *= of_row * upstream[k];
        column_sums.add(2, j, values);
      }
      branch.factors.load_at(factor, to, j);
      for (int k = 0; k < V; ++k) factor[k] *= upstream[k];
      store(&dbranch[to][j], factor);
    }
  }
  column_sums.template write<V>(partial);
}

}  // namespace

template <class T>
void residual_norm_forward(Queue& queue, ConstView x, EndingBranch const& branch,
                           BranchNorm const& norm, View sum, View y, View mean, View rstd) {
  Index const columns = x.columns();
  with_pack_width<T>(
      [&]<int V>() {
        Geometry geometry = row_grid(x.rows(), columns, V);
        geometry.shared_bytes = static_cast<std::size_t>(columns) * sizeof(float);
        launch(queue, "residual_norm_forward", geometry, residual_norm_forward_kernel<T, V>,
               columns, Rows<T const>(x), branch_of<T, V>(branch), RowList(norm.index),
               affine_of<T, V>(norm.weight, norm.bias), Rows<T>(sum), Rows<T>(y), mean.as<float>(),
               rstd.as<float>());
      },
      x, branch.values, branch.gamma, norm.weight, norm.bias, sum, y);
}
template void residual_norm_forward<float>(Queue&, ConstView, EndingBranch const&,
                                           BranchNorm const&, View, View, View, View);
template void residual_norm_forward<BFloat16>(Queue&, ConstView, EndingBranch const&,
                                              BranchNorm const&, View, View, View, View);

template <class T>
void residual_norm_backward(Queue& queue, ConstView dy, ConstView sum, BranchNorm const& norm,
                            ConstView mean, ConstView rstd, EndingBranch const& ending, View dx,
                            View dbranch, ResidualNormGradients const& gradients) {
  bool const wanted = gradients.dweight || gradients.dbias || gradients.dgamma;
  Index const rows = dx.rows(), columns = dx.columns();
  EndingBranch branch = ending;
  if (!gradients.dgamma) branch.values = {};  // not read
  with_pack_width<T>(
      [&]<int V>() {
        Geometry const geometry = column_sum_grid(rows, columns, V, wanted ? 3 : 0);
        with_column_sums(
            queue, geometry, columns, {gradients.dweight, gradients.dbias, gradients.dgamma},
            [&](float* partial) {
              launch(queue, "residual_norm_backward", geometry, residual_norm_backward_kernel<T, V>,
                     rows, columns, norm_backward_of<T, V>(dy, sum, norm.weight, mean, rstd),
                     RowList(norm.index), branch_of<T, V>(branch), Rows<T>(dx), Rows<T>(dbranch),
                     partial);
            });
      },
      dy, sum, norm.weight, branch.values, branch.gamma, dx, dbranch);
}
template void residual_norm_backward<float>(Queue&, ConstView, ConstView, BranchNorm const&,
                                            ConstView, ConstView, EndingBranch const&, View, View,
                                            ResidualNormGradients const&);
template void residual_norm_backward<BFloat16>(Queue&, ConstView, ConstView, BranchNorm const&,
                                               ConstView, ConstView, EndingBranch const&, View,
                                               View, ResidualNormGradients const&);

}  // namespace accord::cuda
