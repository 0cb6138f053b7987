#include "core/ops/residual_norm.hpp"

#include "core/ops/cpu/row_norm.hpp"
#include "core/ops/cpu/row_residual.hpp"

namespace accord::cpu {
namespace {

template <class T>
struct Branch {
  explicit Branch(EndingBranch const& branch)
      : row_of(branch.index),
        scales(optional_values<T>(branch.row_scale)),
        gamma(optional_values<T>(branch.gamma)) {}
  T factor(Index row) const { return scales ? scales[row] : T{1}; }

  RowList row_of;
  T const *scales, *gamma;
};

}  // namespace

template <class T>
void residual_norm_forward(Queue&, ConstView x_view, EndingBranch const& ending,
                           BranchNorm const& norm, View sum_view, View y_view, View mean_view,
                           View rstd_view) {
  Matrix<T const> const x(x_view), values(ending.values);
  Matrix<T> const sum(sum_view), y(y_view);
  Branch<T> const branch(ending);
  RowList const normed_row(norm.index);
  T const *const weight = optional_values<T>(norm.weight), *const bias =
                                                               optional_values<T>(norm.bias);
  T *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  Index const d = x.columns();
  for_each_row(x.rows(), 4 * d, [&](Index r) {
    T* const to = sum[r];
    if (Index const i = branch.row_of[r]; i >= 0)
      add_branch<T>(x[r], values[i], branch.factor(i), branch.gamma, d, to);
    else if (to != x[r])
      std::copy_n(x[r], d, to);
    Index const i = normed_row[r];
    if (i < 0) return;
    mean[i] = sum_of<T>(to, d) / static_cast<T>(d);
    rstd[i] = inverse_deviation(centred_squares_of<T>(to, mean[i], d), d);
    normalise_row<T>(to, mean[i], rstd[i], weight, bias, d, y[i]);
  });
}
template void residual_norm_forward<double>(Queue&, ConstView, EndingBranch const&,
                                            BranchNorm const&, View, View, View, View);
template void residual_norm_forward<float>(Queue&, ConstView, EndingBranch const&,
                                           BranchNorm const&, View, View, View, View);

template <class T>
void residual_norm_backward(Queue& queue, ConstView dy_view, ConstView sum_view,
                            BranchNorm const& norm, ConstView mean_view, ConstView rstd_view,
                            EndingBranch const& ending, View dx_view, View dbranch_view,
                            ResidualNormGradients const& gradients) {
  Matrix<T const> const dy(dy_view), sum(sum_view);
  Matrix<T const> const values(gradients.dgamma ? ending.values : ConstView(dbranch_view));
  Matrix<T> const dx(dx_view), dbranch(dbranch_view);
  Branch<T> const branch(ending);
  RowList const normed_row(norm.index);
  T const *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  Index const d = dx.columns();
  Weight<T> const weight(queue, norm.weight, d);
  with_column_sums<T, 3>(
      queue, dx.rows(), d, {gradients.dweight, gradients.dbias, gradients.dgamma},
      [&](Index r, std::array<T*, 3> const& sums_of) {
        auto const [dweight, dbias, dgamma] = sums_of;
        if (Index const i = normed_row[r]; i >= 0) {
          std::array<T, 2> const sums =
              backward_sums_of<T>(dy[i], sum[r], weight, mean[i], rstd[i], d, dweight, dbias);
          backward_row<Write::accumulate, T>(dy[i], sum[r], weight, mean[i], rstd[i], sums, d, d,
                                             dx[r]);
        }
        if (Index const i = branch.row_of[r]; i >= 0)
          branch_gradient<T>(dx[r], values[i], branch.factor(i), branch.gamma, d, dbranch[i],
                             dgamma);
      });
}
template void residual_norm_backward<double>(Queue&, ConstView, ConstView, BranchNorm const&,
                                             ConstView, ConstView, EndingBranch const&, View, View,
                                             ResidualNormGradients const&);
template void residual_norm_backward<float>(Queue&, ConstView, ConstView, BranchNorm const&,
                                            ConstView, ConstView, EndingBranch const&, View, View,
                                            ResidualNormGradients const&);

}  // namespace accord::cpu
