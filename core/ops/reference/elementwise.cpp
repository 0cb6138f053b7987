#include "core/ops/elementwise.hpp"

#include <cmath>

#include "core/ops/matrix.hpp"

namespace accord::reference {

template <class T>
void add(Queue&, ConstView x_view, View y_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.columns(); ++j) y[i][j] += x[i][j];
}
template void add<double>(Queue&, ConstView, View);
template void add<float>(Queue&, ConstView, View);

template <>
void convert<float>(Queue&, ConstView x, View y) {
  if (x.dtype() == DType::float32)
    for (Index i = 0; i < x.size(); ++i) y.as<BFloat16>()[i] = to_bfloat16(x.as<float>()[i]);
  else
    for (Index i = 0; i < x.size(); ++i) y.as<float>()[i] = to_float32(x.as<BFloat16>()[i]);
}
template <>
void convert<double>(Queue&, ConstView, View) {
  throw Error("convert: between float32 and bfloat16 only");
}

template <class T>
void scale(Queue&, double factor, View x_view) {
  Matrix<T> const x(x_view);
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.columns(); ++j) x[i][j] = static_cast<T>(x[i][j] * factor);
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

}  // namespace accord::reference
