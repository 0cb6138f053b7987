#include "core/ops/contrast.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/parallel_for.hpp"
#include "core/ops/cpu/key_tiles.hpp"
#include "core/ops/cpu/math.hpp"
#include "core/ops/gemm.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

constexpr Index row_grain = 16;  // rows of a tile worth a thread

}  // namespace

template <class T>
void contrast_forward(Queue& queue, ConstView q, ConstView k, ConstView scale_view,
                      ConstView targets, ContrastShape const& shape, ContrastState& state) {
  T const scale = *scale_view.as<T>();
  T* const max = state.max.view().as<T>();
  T* const sum = state.sum.view().as<T>();
  T* const target = state.target.view().as<T>();
  T* const total = state.total.view().as<T>();
  std::int64_t* const best = state.best_index.view().as<std::int64_t>();
  for_each_tile<T>(queue, q, k, shape.tile,
                   [&](Index query, Index queries, Index key, View products) {
                     Matrix<T> const rows(products);
                     Index const n = rows.columns(), first = shape.key_begin + key;
                     parallel_for(queries, row_grain, [&](Index begin, Index end) {
                       for (Index r = begin; r < end; ++r) {
                         Index const i = query + r;
                         T* const x = rows[r];
                         T largest = scale * x[0], logits = 0;
#pragma omp simd reduction(max : largest) reduction(+ : logits)
                         for (Index j = 0; j < n; ++j) {
                           x[j] *= scale;
                           logits += x[j];
                           largest = x[j] > largest ? x[j] : largest;
                         }
                         total[i] += logits;
                         Index const wanted = targets.as<std::int64_t>()[i] - first;
                         if (wanted >= 0 && wanted < n) target[i] = x[wanted];
                         if (largest >= max[i]) {
                           Index const index = first + (std::find(x, x + n, largest) - x);
                           if (largest > max[i] || index < best[i]) best[i] = index;
                         }
                         T const reference = std::max(max[i], largest);
                         T exponentials = 0;
#pragma omp simd reduction(+ : exponentials)
                         for (Index j = 0; j < n; ++j) exponentials += fast_exp(x[j] - reference);
                         sum[i] = sum[i] * std::exp(max[i] - reference) + exponentials;
                         max[i] = reference;
                       }
                     });
                   });
}

template <class T>
void contrast_finish(Queue&, ContrastState const& state, ConstView targets,
                     ContrastShape const& shape, double weight, View lse, View loss, View correct) {
  T const* const max = state.max.view().as<T>();
  T const* const sum = state.sum.view().as<T>();
  T const* const target = state.target.view().as<T>();
  T const* const total = state.total.view().as<T>();
  std::int64_t const* const best = state.best_index.view().as<std::int64_t>();
  double const others = shape.others_share();
  double losses = 0;
  Index hits = 0;
  for (Index i = 0; i < state.max.size(); ++i) {
    T const log_sum = max[i] + std::log(sum[i]);
    lse.as<T>()[i] = log_sum;
    losses += log_sum - (1 - shape.label_smoothing) * target[i] - others * (total[i] - target[i]);
    hits += best[i] == targets.as<std::int64_t>()[i];
  }
  *loss.as<T>() += static_cast<T>(weight * losses);
  if (correct) *correct.as<T>() += static_cast<T>(hits);
}

template <class T>
void contrast_backward(Queue& queue, ConstView q, ConstView k, ConstView scale_view,
                       ConstView targets, ContrastShape const& shape, ConstView lse_view,
                       double weight_of_loss, View dq, View dk, View dscale) {
  T const scale = *scale_view.as<T>(), weight = static_cast<T>(weight_of_loss);
  T const others = static_cast<T>(shape.others_share());
  T const extra = static_cast<T>(1 - shape.label_smoothing) - others;  // the target's share beyond
  T const* const lse = lse_view.as<T>();
  std::vector<double> dscale_of(static_cast<std::size_t>(q.rows()), 0.0);
  for_each_tile<T>(queue, q, k, shape.tile,
                   [&](Index query, Index queries, Index key, View products) {
                     Matrix<T> const rows(products);
                     Index const n = rows.columns(), first = shape.key_begin + key;
                     parallel_for(queries, row_grain, [&](Index begin, Index end) {
                       for (Index r = begin; r < end; ++r) {
                         Index const i = query + r;
                         T* const x = rows[r];
                         Index const wanted = targets.as<std::int64_t>()[i] - first;
                         bool const has_target = wanted >= 0 && wanted < n;
                         T const target_product = has_target ? x[wanted] : T(0);
                         T sum = 0;
#pragma omp simd reduction(+ : sum)
                         for (Index j = 0; j < n; ++j) {
                           T const product = x[j];
                           x[j] = weight * (fast_exp(scale * product - lse[i]) - others);
                           sum += x[j] * product;
                         }
                         if (has_target) {
                           x[wanted] -= weight * extra;
                           sum -= weight * extra * target_product;
                         }
                         dscale_of[i] += sum;
                       }
                     });
                     if (dq)
                       accord::gemm(queue, Transpose::no, products, Transpose::no, k.rows(key, n),
                                    dq.rows(query, queries), 1, scale);
                     if (dk)
                       accord::gemm(queue, Transpose::yes, products, Transpose::no,
                                    q.rows(query, queries), dk.rows(key, n), 1, scale);
                   });
  if (!dscale) return;
  double sum = 0;
  for (double const d : dscale_of) sum += d;
  *dscale.as<T>() += static_cast<T>(sum);
}

#define ACCORD_INSTANTIATE(T)                                                                     \
  template void contrast_forward<T>(Queue&, ConstView, ConstView, ConstView, ConstView,           \
                                    ContrastShape const&, ContrastState&);                        \
  template void contrast_finish<T>(Queue&, ContrastState const&, ConstView, ContrastShape const&, \
                                   double, View, View, View);                                     \
  template void contrast_backward<T>(Queue&, ConstView, ConstView, ConstView, ConstView,          \
                                     ContrastShape const&, ConstView, double, View, View, View);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
#undef ACCORD_INSTANTIATE

}  // namespace accord::cpu
