#include "core/ops/residual_norm.hpp"

#include "core/ops/layer_norm.hpp"
#include "core/ops/matrix.hpp"
#include "core/ops/residual.hpp"
#include "core/tensor/tensor.hpp"

// The definition: one op after the other.
namespace accord::reference {
namespace {

/// The rows of the stream that a branch of `count` rows runs on, in its order.
Tensor rows_of(Queue& queue, ConstView index, Index stream_rows, Index count) {
  RowList const row_of(index);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  for (Index r = 0; r < stream_rows; ++r)
    if (row_of[r] >= 0) rows[static_cast<std::size_t>(row_of[r])] = static_cast<std::int32_t>(r);
  return Tensor::from_host(queue, rows);
}

}  // namespace

template <class T>
void residual_norm_forward(Queue& queue, ConstView x, EndingBranch const& branch,
                           BranchNorm const& norm, View sum, View y, View mean, View rstd) {
  if (sum.data() != x.data()) copy(queue, x, sum);
  residual_forward<T>(queue, branch.values,
                      rows_of(queue, branch.index, x.rows(), branch.values.rows()),
                      branch.row_scale, branch.gamma, sum);
  layer_norm_forward<T>(queue, sum, rows_of(queue, norm.index, x.rows(), y.rows()), norm.weight,
                        norm.bias, y, mean, rstd);
}
template void residual_norm_forward<double>(Queue&, ConstView, EndingBranch const&,
                                            BranchNorm const&, View, View, View, View);
template void residual_norm_forward<float>(Queue&, ConstView, EndingBranch const&,
                                           BranchNorm const&, View, View, View, View);

template <class T>
void residual_norm_backward(Queue& queue, ConstView dy, ConstView sum, BranchNorm const& norm,
                            ConstView mean, ConstView rstd, EndingBranch const& branch, View dx,
                            View dbranch, ResidualNormGradients const& gradients) {
  layer_norm_backward<T>(queue, dy, sum, rows_of(queue, norm.index, dx.rows(), dy.rows()),
                         norm.weight, mean, rstd, Write::accumulate, dx, gradients.dweight,
                         gradients.dbias);
  residual_backward<T>(queue, dx, branch.values,
                       rows_of(queue, branch.index, dx.rows(), dbranch.rows()), branch.row_scale,
                       branch.gamma, dbranch, gradients.dgamma);
}
template void residual_norm_backward<double>(Queue&, ConstView, ConstView, BranchNorm const&,
                                             ConstView, ConstView, EndingBranch const&, View, View,
                                             ResidualNormGradients const&);
template void residual_norm_backward<float>(Queue&, ConstView, ConstView, BranchNorm const&,
                                            ConstView, ConstView, EndingBranch const&, View, View,
                                            ResidualNormGradients const&);

}  // namespace accord::reference
