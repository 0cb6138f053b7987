#include "core/ops/sigmoid_contrast.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/parallel_for.hpp"
#include "core/ops/cpu/key_tiles.hpp"
#include "core/ops/cpu/math.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

constexpr Index row_grain = 16;    // rows of a tile worth a thread
constexpr float nothing = -1e30f;  // a product whose s(logit) is 0, whatever scale and bias

}  // namespace

template <class T>
void sigmoid_contrast(Queue& queue, ConstView q, ConstView k, ConstView scale_view,
                      ConstView bias_view, ConstView targets, Index key_begin, Index tile,
                      double weight, SigmoidContrastState& state, View dq) {
  T const scale = *scale_view.as<T>(), bias = *bias_view.as<T>();
  T* const loss = state.loss.view().as<T>();
  T* const dscale = state.dscale.view().as<T>();
  T* const dbias = state.dbias.view().as<T>();
  T* const best = state.best.view().as<T>();
  std::int64_t* const best_index = state.best_index.view().as<std::int64_t>();
  for_each_tile<T>(queue, q, k, tile, [&](Index query, Index queries, Index key, View products) {
    Matrix<T> const rows(products);
    Index const n = rows.columns(), first = key_begin + key;
    parallel_for(queries, row_grain, [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        Index const i = query + r;
        T* const x = rows[r];
        T const largest = *std::max_element(x, x + n);
        if (largest >= best[i]) {
          Index const index = first + (std::find(x, x + n, largest) - x);
          if (largest > best[i] || index < best_index[i]) best_index[i] = index;
          best[i] = largest;
        }
        // The target has a formula of its own: out of the loop's way, which it leaves with
        // nothing to add.
        Index const wanted = targets.as<std::int64_t>()[i] - first;
        bool const has_target = wanted >= 0 && wanted < n;
        T const target_product = has_target ? x[wanted] : T(0);
        if (has_target) x[wanted] = nothing;
        T losses = 0, products_d = 0, ds = 0;
#pragma omp simd reduction(+ : losses, products_d, ds)
        for (Index j = 0; j < n; ++j) {
          T const logit = scale * x[j] + bias, e = fast_exp(-std::fabs(logit));
          T const d = (logit > 0 ? T(1) : e) / (1 + e);
          losses += std::log1p(e) + (logit > 0 ? logit : T(0));
          products_d += d * x[j];
          ds += d;
          x[j] = d;
        }
        if (has_target) {
          T const logit = scale * target_product + bias, e = std::exp(-std::fabs(logit));
          T const d = -(logit > 0 ? e : T(1)) / (1 + e);
          losses += std::log1p(e) + (logit > 0 ? T(0) : -logit);
          products_d += d * target_product;
          ds += d;
          x[wanted] = d;
        }
        loss[i] += losses;
        dscale[i] += products_d;
        dbias[i] += ds;
      }
    });
    if (dq)
      accord::gemm(queue, Transpose::no, products, Transpose::no, k.rows(key, products.columns()),
                   dq.rows(query, queries), 1, weight * scale);
  });
}

template <class T>
void sigmoid_contrast_finish(Queue&, SigmoidContrastState const& state, ConstView targets,
                             double share, double weight, View loss, View correct, View dscale,
                             View dbias) {
  T const* const losses = state.loss.view().as<T>();
  T const* const dscales = state.dscale.view().as<T>();
  T const* const dbiases = state.dbias.view().as<T>();
  std::int64_t const* const best = state.best_index.view().as<std::int64_t>();
  double all = 0, all_dscale = 0, all_dbias = 0;
  Index hits = 0;
  for (Index i = 0; i < state.loss.size(); ++i) {
    all += losses[i];
    all_dscale += dscales[i];
    all_dbias += dbiases[i];
    hits += best[i] == targets.as<std::int64_t>()[i];
  }
  *loss.as<T>() += static_cast<T>(share * all);
  *correct.as<T>() += static_cast<T>(hits);
  if (dscale) *dscale.as<T>() += static_cast<T>(weight * all_dscale);
  if (dbias) *dbias.as<T>() += static_cast<T>(weight * all_dbias);
}

#define ACCORD_INSTANTIATE(T)                                                                      \
  template void sigmoid_contrast<T>(Queue&, ConstView, ConstView, ConstView, ConstView, ConstView, \
                                    Index, Index, double, SigmoidContrastState&, View);            \
  template void sigmoid_contrast_finish<T>(Queue&, SigmoidContrastState const&, ConstView, double, \
                                           double, View, View, View, View);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
#undef ACCORD_INSTANTIATE

}  // namespace accord::cpu
