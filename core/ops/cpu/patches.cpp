#include "core/ops/patches.hpp"

#include <algorithm>
#include <array>

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

}  // namespace

template <class T>
void patchify(Queue&, ConstView pixels, PatchLayout const& layout, View out_view) {
  Matrix<T> const out(out_view);
  Index const size = layout.size, kernel = layout.kernel, per_patch = layout.patch / kernel;
  Index const patches = size / layout.patch, windows = per_patch * per_patch;
  // Calls body(image, patch row, patch column, first row of out): one patch.
  auto const for_each_patch = [&](auto const& body) {
    for_each_row(pixels.rows() * patches * patches, 3 * layout.patch * layout.patch, [&](Index i) {
      body(i / (patches * patches), i / patches % patches, i % patches, i * windows);
    });
  };
  if (pixels.dtype() == DType::uint8) {
    Matrix<std::uint8_t const> const bytes(pixels);
    std::array<std::array<T, 256>, 3> scaled;
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t value = 0; value < 256; ++value)
        scaled[c][value] = (static_cast<T>(value) / 255 - static_cast<T>(layout.mean[c])) /
                           static_cast<T>(layout.deviation[c]);
    for_each_patch([&](Index image, Index patch_row, Index patch_column, Index first) {
      for (Index w = 0; w < windows; ++w) {
        Place const at = place_in_patch(w);
        Index const y = patch_row * layout.patch + at.row * kernel;
        Index const x = patch_column * layout.patch + at.column * kernel;
        T* const to = out[first + w];
        for (Index ky = 0; ky < kernel; ++ky) {
          std::uint8_t const* const from = bytes[image] + ((y + ky) * size + x) * 3;
          for (std::size_t c = 0; c < 3; ++c)
            for (Index kx = 0; kx < kernel; ++kx)
              to[(static_cast<Index>(c) * kernel + ky) * kernel + kx] =
                  scaled[c][from[kx * 3 + static_cast<Index>(c)]];
        }
      }
    });
    return;
  }
  Matrix<T const> const values(pixels);
  for_each_patch([&](Index image, Index patch_row, Index patch_column, Index first) {
    for (Index w = 0; w < windows; ++w) {
      Place const at = place_in_patch(w);
      Index const y = patch_row * layout.patch + at.row * kernel;
      Index const x = patch_column * layout.patch + at.column * kernel;
      T* to = out[first + w];
      for (Index c = 0; c < 3; ++c)
        for (Index ky = 0; ky < kernel; ++ky, to += kernel)
          std::copy_n(values[image] + (c * size + y + ky) * size + x, kernel, to);
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
