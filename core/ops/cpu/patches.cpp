#include "core/ops/patches.hpp"

#include <array>
#include <type_traits>

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

struct Place {
  Index row, column;
};

/// Where in its patch the window of this index lies: two bits of the index for each halving.
Place place_in_patch(Index index) {
  Place place{0, 0};
  for (Index bit = 0; index >> (2 * bit) != 0; ++bit) {
    place.column |= (index >> (2 * bit) & 1) << bit;
    place.row |= (index >> (2 * bit + 1) & 1) << bit;
  }
  return place;
}

/// Calls body(image, y, x, kernel, row of out) for every window, (y, x) its upper left pixel. The
/// usual kernel is a constant in the type of `kernel`, which unrolls the loops of the body.
template <class T, class Body>
void for_each_window(Index images, PatchLayout const& layout, View out_view, Body&& body) {
  Matrix<T> const out(out_view);
  Index const per_patch = layout.patch / layout.kernel, windows = per_patch * per_patch;
  Index const patches = layout.size / layout.patch;
  for_each_row(images * patches * patches, 3 * layout.patch * layout.patch, [&](Index patch) {
    Index const top = patch / patches % patches * layout.patch;
    Index const left = patch % patches * layout.patch;
    for (Index w = 0; w < windows; ++w) {
      Place const at = place_in_patch(w);
      Index const image = patch / (patches * patches), y = top + at.row * layout.kernel,
                  x = left + at.column * layout.kernel;
      T* const to = out[patch * windows + w];
      if (layout.kernel == 4)
        body(image, y, x, std::integral_constant<Index, 4>{}, to);
      else
        body(image, y, x, layout.kernel, to);
    }
  });
}

}  // namespace

template <class T>
void patchify(Queue&, ConstView pixels, PatchLayout const& layout, View out_view) {
  if (pixels.dtype() != DType::uint8) {
    Matrix<T const> const values(pixels);
    for_each_window<T>(
        pixels.rows(), layout, out_view, [&](Index image, Index y, Index x, auto kernel, T* to) {
          for (Index c = 0; c < 3; ++c)
            for (Index ky = 0; ky < kernel; ++ky, to += kernel) {
              T const* const from = values[image] + (c * layout.size + y + ky) * layout.size + x;
              for (Index kx = 0; kx < kernel; ++kx) to[kx] = from[kx];
            }
        });
    return;
  }
  Matrix<std::uint8_t const> const bytes(pixels);
  std::array<std::array<T, 256>, 3> scaled;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t value = 0; value < 256; ++value)
      scaled[c][value] = (static_cast<T>(value) / 255 - static_cast<T>(layout.mean[c])) /
                         static_cast<T>(layout.deviation[c]);
  for_each_window<T>(
      pixels.rows(), layout, out_view, [&](Index image, Index y, Index x, auto kernel, T* to) {
        for (Index ky = 0; ky < kernel; ++ky) {
          std::uint8_t const* const from = bytes[image] + ((y + ky) * layout.size + x) * 3;
          for (Index c = 0; c < 3; ++c)
            for (Index kx = 0; kx < kernel; ++kx)
              to[(c * kernel + ky) * kernel + kx] =
                  scaled[static_cast<std::size_t>(c)][from[kx * 3 + c]];
        }
      });
}
template void patchify<double>(Queue&, ConstView, PatchLayout const&, View);
template void patchify<float>(Queue&, ConstView, PatchLayout const&, View);

template <class T>
void kernel_to_matrix(Queue&, ConstView weight_view, View out_view) {
  Matrix<T const> const weight(weight_view);
  Matrix<T> const out(out_view);
  Index const in = weight_view.extent(1), window = in ? weight.columns() / in : 0;
  for_each_row(weight.rows(), weight.columns(), [&](Index o) {
    T const* const from = weight[o];
    T* const to = out[o];
    for (Index i = 0; i < in; ++i)
      for (Index k = 0; k < window; ++k) to[k * in + i] = from[i * window + k];
  });
}
template void kernel_to_matrix<double>(Queue&, ConstView, View);
template void kernel_to_matrix<float>(Queue&, ConstView, View);

template <class T>
void kernel_to_matrix_backward(Queue&, ConstView dout_view, View dweight_view) {
  Matrix<T const> const dout(dout_view);
  Matrix<T> const dweight(dweight_view);
  Index const in = dweight_view.extent(1), window = in ? dweight.columns() / in : 0;
  for_each_row(dweight.rows(), dweight.columns(), [&](Index o) {
    T const* const from = dout[o];
    T* const to = dweight[o];
    for (Index i = 0; i < in; ++i)
      for (Index k = 0; k < window; ++k) to[i * window + k] += from[k * in + i];
  });
}
template void kernel_to_matrix_backward<double>(Queue&, ConstView, View);
template void kernel_to_matrix_backward<float>(Queue&, ConstView, View);

}  // namespace accord::cpu
