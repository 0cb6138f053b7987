#include "core/ops/sigmoid_contrast.hpp"

#include <cmath>

#include "core/ops/matrix.hpp"

namespace accord::reference {

template <class T>
void sigmoid_contrast(Queue&, ConstView q_view, ConstView k_view, ConstView scale_view,
                      ConstView bias_view, ConstView targets, Index key_begin, Index, double weight,
                      SigmoidContrastState& state, View dq) {
  Matrix<T const> const q(q_view), k(k_view);
  T const scale = *scale_view.as<T>(), bias = *bias_view.as<T>();
  T* const best = state.best.view().as<T>();
  std::int64_t* const best_index = state.best_index.view().as<std::int64_t>();
  for (Index i = 0; i < q.rows(); ++i) {
    double loss = 0, dscale = 0, dbias = 0;
    for (Index j = 0; j < k.rows(); ++j) {
      Index const key = key_begin + j;
      bool const is_target = targets.as<std::int64_t>()[i] == key;
      T product = 0;
      for (Index c = 0; c < q.columns(); ++c) product += q[i][c] * k[j][c];
      double const logit = scale * product + bias, signed_logit = is_target ? logit : -logit;
      loss += std::log1p(std::exp(-std::abs(signed_logit))) + std::max(-signed_logit, 0.0);
      double const other = 1 / (1 + std::exp(signed_logit));  // s(-signed_logit)
      double const d = is_target ? -other : other;
      dscale += d * product;
      dbias += d;
      if (product > best[i] || (product == best[i] && key < best_index[i])) {
        best[i] = product;
        best_index[i] = key;
      }
      if (dq)
        for (Index c = 0; c < q.columns(); ++c)
          Matrix<T>(dq)[i][c] += static_cast<T>(weight * scale * d) * k[j][c];
    }
    state.loss.view().as<T>()[i] += static_cast<T>(loss);
    state.dscale.view().as<T>()[i] += static_cast<T>(dscale);
    state.dbias.view().as<T>()[i] += static_cast<T>(dbias);
  }
}

template <class T>
void sigmoid_contrast_finish(Queue&, SigmoidContrastState const& state, ConstView targets,
                             double share, double weight, View loss, View correct, View dscale,
                             View dbias) {
  auto const sum = [](Tensor const& values) {
    double total = 0;
    for (Index i = 0; i < values.size(); ++i) total += values.view().as<T>()[i];
    return total;
  };
  *loss.as<T>() += static_cast<T>(share * sum(state.loss));
  if (dscale) *dscale.as<T>() += static_cast<T>(weight * sum(state.dscale));
  if (dbias) *dbias.as<T>() += static_cast<T>(weight * sum(state.dbias));
  for (Index i = 0; i < state.loss.size(); ++i)
    if (state.best_index.view().as<std::int64_t>()[i] == targets.as<std::int64_t>()[i])
      *correct.as<T>() += 1;
}

#define ACCORD_INSTANTIATE(T)                                                                      \
  template void sigmoid_contrast<T>(Queue&, ConstView, ConstView, ConstView, ConstView, ConstView, \
                                    Index, Index, double, SigmoidContrastState&, View);            \
  template void sigmoid_contrast_finish<T>(Queue&, SigmoidContrastState const&, ConstView, double, \
                                           double, View, View, View, View);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
#undef ACCORD_INSTANTIATE

}  // namespace accord::reference
