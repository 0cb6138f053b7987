#include "core/ops/grouped_convolution.hpp"

#include "core/ops/matrix.hpp"

namespace accord::reference {
namespace {

/// body(t, r, o, c, k) for every product of the sum: output row t and channel o, input row r, and
/// channel c of o's group, tap k.
template <class Body>
void for_each_product(ConstView offsets_view, ConstView weight, Index columns, Body&& body) {
  auto const* const offsets = offsets_view.as<std::int32_t>();
  Index const out = weight.extent(0), channels = weight.extent(1), kernel = weight.extent(2);
  Index const filters = out / (columns / channels);
  for (Index s = 0; s + 1 < offsets_view.size(); ++s)
    for (Index t = offsets[s]; t < offsets[s + 1]; ++t)
      for (Index k = 0; k < kernel; ++k) {
        Index const r = t + k - kernel / 2;
        if (r < offsets[s] || r >= offsets[s + 1]) continue;
        for (Index o = 0; o < out; ++o)
          for (Index c = 0; c < channels; ++c) body(t, r, o, o / filters * channels + c, c, k);
      }
}

template <class T>
void fill_zero(Matrix<T> const& x) {
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.columns(); ++j) x[i][j] = 0;
}

}  // namespace

template <class T>
void grouped_convolution_forward(Queue&, ConstView x_view, ConstView offsets, ConstView weight,
                                 View y_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  T const* const w = weight.as<T>();
  fill_zero(y);
  for_each_product(offsets, weight, x.columns(),
                   [&](Index t, Index r, Index o, Index column, Index c, Index k) {
                     y[t][o] += w[(o * weight.extent(1) + c) * weight.extent(2) + k] * x[r][column];
                   });
}
template void grouped_convolution_forward<double>(Queue&, ConstView, ConstView, ConstView, View);
template void grouped_convolution_forward<float>(Queue&, ConstView, ConstView, ConstView, View);

template <class T>
void grouped_convolution_backward_input(Queue&, ConstView dy_view, ConstView offsets,
                                        ConstView weight, View dx_view) {
  Matrix<T const> const dy(dy_view);
  Matrix<T> const dx(dx_view);
  T const* const w = weight.as<T>();
  fill_zero(dx);
  for_each_product(offsets, weight, dx.columns(),
                   [&](Index t, Index r, Index o, Index column, Index c, Index k) {
                     dx[r][column] +=
                         w[(o * weight.extent(1) + c) * weight.extent(2) + k] * dy[t][o];
                   });
}
template void grouped_convolution_backward_input<double>(Queue&, ConstView, ConstView, ConstView,
                                                         View);
template void grouped_convolution_backward_input<float>(Queue&, ConstView, ConstView, ConstView,
                                                        View);

template <class T>
void grouped_convolution_backward_weight(Queue&, ConstView dy_view, ConstView x_view,
                                         ConstView offsets, View dweight) {
  Matrix<T const> const dy(dy_view), x(x_view);
  T* const dw = dweight.as<T>();
  for_each_product(offsets, dweight, x.columns(),
                   [&](Index t, Index r, Index o, Index column, Index c, Index k) {
                     dw[(o * dweight.extent(1) + c) * dweight.extent(2) + k] +=
                         dy[t][o] * x[r][column];
                   });
}
template void grouped_convolution_backward_weight<double>(Queue&, ConstView, ConstView, ConstView,
                                                          View);
template void grouped_convolution_backward_weight<float>(Queue&, ConstView, ConstView, ConstView,
                                                         View);

}  // namespace accord::reference
