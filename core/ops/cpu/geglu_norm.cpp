#include "core/ops/geglu_norm.hpp"

#include <memory>

#include "core/ops/cpu/math.hpp"
#include "core/ops/cpu/row_norm.hpp"

namespace accord::cpu {

template <class T>
void geglu_norm_forward(Queue&, ConstView gate_up_view, ConstView weight_view, ConstView bias_view,
                        View y_view, View mean_view, View rstd_view) {
  Matrix<T const> const gate_up(gate_up_view);
  Matrix<T> const y(y_view);
  T const *const weight = optional_values<T>(weight_view), *const bias =
                                                               optional_values<T>(bias_view);
  T *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  Index const f = y.columns();
  for_each_row(y.rows(), 3 * f, [&](Index i) {
    T const *const gate = gate_up[i], *const up = gate + f;
    T* const to = y[i];  // the product first, then its norm
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Index j = 0; j < f; ++j) {
      to[j] = gate[j] * normal(gate[j]).cdf * up[j];
      sum += to[j];
    }
    mean[i] = sum / static_cast<T>(f);
    rstd[i] = inverse_deviation(centred_squares_of(to, mean[i], f), f);
    normalise_row(to, mean[i], rstd[i], weight, bias, f, to);
  });
}
template void geglu_norm_forward<double>(Queue&, ConstView, ConstView, ConstView, View, View, View);
template void geglu_norm_forward<float>(Queue&, ConstView, ConstView, ConstView, View, View, View);

template <class T>
void geglu_norm_backward(Queue& queue, ConstView dy_view, ConstView gate_up_view,
                         ConstView weight_view, ConstView mean_view, ConstView rstd_view,
                         View dgate_up_view, View dweight, View dbias) {
  Matrix<T const> const dy(dy_view), gate_up(gate_up_view);
  Matrix<T> const dgate_up(dgate_up_view);
  T const *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  Index const f = dy.columns();
  Weight<T> const weight(queue, weight_view, f);
  with_column_sums<T, 2>(
      queue, dy.rows(), f, {dweight, dbias}, [&](Index i, std::array<T*, 2> const& into) {
        auto const row = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(f));
        T* const product = row.get();
        T const *const gate = gate_up[i], *const up = gate + f;
        T *const dgate = dgate_up[i], *const dup = dgate + f;
#pragma omp simd
        for (Index j = 0; j < f; ++j) {  // the product's derivatives, in place if so wished
          T const g = gate[j], u = up[j];
          Normal<T> const at = normal(g);
          product[j] = g * at.cdf * u;
          dgate[j] = u * (at.cdf + g * at.density);
          dup[j] = g * at.cdf;
        }
        std::array<T, 2> const sums =
            backward_sums_of<T>(dy[i], product, weight, mean[i], rstd[i], f, into[0], into[1]);
        T* const dproduct = product;
        backward_row<Write::overwrite, T>(dy[i], product, weight, mean[i], rstd[i], sums, f, f,
                                          dproduct);
#pragma omp simd
        for (Index j = 0; j < f; ++j) {
          dgate[j] *= dproduct[j];
          dup[j] *= dproduct[j];
        }
      });
}
template void geglu_norm_backward<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                          ConstView, View, View, View);
template void geglu_norm_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                         ConstView, View, View, View);

}  // namespace accord::cpu
