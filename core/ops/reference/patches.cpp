#include "core/ops/patches.hpp"

#include "core/ops/matrix.hpp"

namespace accord::reference {
namespace {

/// Row of `out` that holds the window at (row, column) of an image of side x side windows.
Index window_row(Index row, Index column, Index side, Index per_patch) {
  Index const patches = side / per_patch;
  Index index = row / per_patch * patches + column / per_patch;
  for (Index half = per_patch / 2; half >= 1; half /= 2)
    index = index * 4 + row / half % 2 * 2 + column / half % 2;
  return index;
}

template <class T>
T pixel(ConstView pixels, PatchLayout const& layout, Index image, Index channel, Index y, Index x) {
  Index const size = layout.size;
  if (pixels.dtype() != DType::uint8)
    return Matrix<T const>(pixels)[image][(channel * size + y) * size + x];
  auto const c = static_cast<std::size_t>(channel);
  T const value = Matrix<std::uint8_t const>(pixels)[image][(y * size + x) * 3 + channel];
  return (value / 255 - static_cast<T>(layout.mean[c])) / static_cast<T>(layout.deviation[c]);
}

}  // namespace

template <class T>
void patchify(Queue&, ConstView pixels, PatchLayout const& layout, View out_view) {
  Matrix<T> const out(out_view);
  Index const kernel = layout.kernel, side = layout.size / kernel;
  for (Index image = 0; image < pixels.rows(); ++image)
    for (Index row = 0; row < side; ++row)
      for (Index column = 0; column < side; ++column) {
        Index const window = window_row(row, column, side, layout.patch / kernel);
        T* const to = out[image * side * side + window];
        for (Index channel = 0; channel < 3; ++channel)
          for (Index ky = 0; ky < kernel; ++ky)
            for (Index kx = 0; kx < kernel; ++kx)
              to[(channel * kernel + ky) * kernel + kx] =
                  pixel<T>(pixels, layout, image, channel, row * kernel + ky, column * kernel + kx);
      }
}
template void patchify<double>(Queue&, ConstView, PatchLayout const&, View);
template void patchify<float>(Queue&, ConstView, PatchLayout const&, View);

template <class T>
void kernel_to_matrix(Queue&, ConstView weight_view, View out_view) {
  Matrix<T const> const weight(weight_view);
  Matrix<T> const out(out_view);
  Index const in = weight_view.extent(1), window = in ? weight.columns() / in : 0;
  for (Index o = 0; o < weight.rows(); ++o)
    for (Index i = 0; i < in; ++i)
      for (Index k = 0; k < window; ++k) out[o][k * in + i] = weight[o][i * window + k];
}
template void kernel_to_matrix<double>(Queue&, ConstView, View);
template void kernel_to_matrix<float>(Queue&, ConstView, View);

template <class T>
void kernel_to_matrix_backward(Queue&, ConstView dout_view, View dweight_view) {
  Matrix<T const> const dout(dout_view);
  Matrix<T> const dweight(dweight_view);
  Index const in = dweight_view.extent(1), window = in ? dweight.columns() / in : 0;
  for (Index o = 0; o < dweight.rows(); ++o)
    for (Index i = 0; i < in; ++i)
      for (Index k = 0; k < window; ++k) dweight[o][i * window + k] += dout[o][k * in + i];
}
template void kernel_to_matrix_backward<double>(Queue&, ConstView, View);
template void kernel_to_matrix_backward<float>(Queue&, ConstView, View);

}  // namespace accord::reference
