#include "core/ops/elementwise.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {

template <class T>
void add(Queue&, ConstView x_view, View y_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  for_each_row(x.rows(), x.columns(), [&](Index i) {
    T const* const from = x[i];
    T* const to = y[i];
#pragma omp simd
    for (Index j = 0; j < x.columns(); ++j) to[j] += from[j];
  });
}
template void add<double>(Queue&, ConstView, View);
template void add<float>(Queue&, ConstView, View);

template <>
void convert<float>(Queue&, ConstView x, View y) {
  parallel_for(x.size(), thread_grain, [&](Index begin, Index end) {
    if (x.dtype() == DType::float32)
      std::transform(x.as<float>() + begin, x.as<float>() + end, y.as<BFloat16>() + begin,
                     to_bfloat16);
    else
      std::transform(x.as<BFloat16>() + begin, x.as<BFloat16>() + end, y.as<float>() + begin,
                     to_float32);
  });
}
template <>
void convert<double>(Queue&, ConstView, View) {
  throw Error("convert: between float32 and bfloat16 only");
}

template <class T>
void scale(Queue&, double factor, View x_view) {
  Matrix<T> const x(x_view);
  T const by = static_cast<T>(factor);
  for_each_row(x.rows(), x.columns(), [&](Index i) {
    T* const row = x[i];
    for (Index j = 0; j < x.columns(); ++j) row[j] *= by;
  });
}
template void scale<double>(Queue&, double, View);
template void scale<float>(Queue&, double, View);

template <class T>
void logit_scale_forward(Queue&, ConstView tau, View scale) {
  *scale.as<T>() = std::exp(*tau.as<T>());
}
template void logit_scale_forward<double>(Queue&, ConstView, View);
template void logit_scale_forward<float>(Queue&, ConstView, View);

template <class T>
void logit_scale_backward(Queue&, ConstView dscale, ConstView scale, View dtau) {
  *dtau.as<T>() += *dscale.as<T>() * *scale.as<T>();
}
template void logit_scale_backward<double>(Queue&, ConstView, ConstView, View);
template void logit_scale_backward<float>(Queue&, ConstView, ConstView, View);

}  // namespace accord::cpu
