#include "core/ops/patches.hpp"

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

struct Windows {
  Index size, kernel, side, per_patch;  // of the image, of a window, windows per side, per patch
  float mean[3], inverse_deviation[3];

  explicit Windows(PatchLayout const& layout)
      : size(layout.size),
        kernel(layout.kernel),
        side(layout.size / layout.kernel),
        per_patch(layout.patch / layout.kernel) {
    for (std::size_t c = 0; c < 3; ++c) {
      mean[c] = static_cast<float>(layout.mean[c]);
      inverse_deviation[c] = static_cast<float>(1 / layout.deviation[c]);
    }
  }

  /// The window (row, column) that row `index` of an image's windows holds.
  __device__ void locate(Index index, Index& row, Index& column) const {
    row = column = 0;
    Index half = 1;
    for (; half < per_patch; half *= 2, index /= 4) {
      row += index / 2 % 2 * half;
      column += index % 2 * half;
    }
    Index const patches = side / per_patch;
    row += index / patches * per_patch;
    column += index % patches * per_patch;
  }
};

/// Element (i, j) of out: window i, j = (channel, ky, kx).
template <class T, class Pixel>
struct Patchify {
  Windows windows;
  Rows<Pixel const> pixels;
  Rows<T> out;
  __device__ void operator()(Index i, Index j) const {
    Index const per_image = windows.side * windows.side, kernel = windows.kernel;
    Index row, column;
    windows.locate(i % per_image, row, column);
    Index const channel = j / (kernel * kernel);
    Index const y = row * kernel + j / kernel % kernel, x = column * kernel + j % kernel;
    out[i][j] = from_float<T>(value(pixels[i / per_image], channel, y, x));
  }
  __device__ float value(std::uint8_t const* image, Index channel, Index y, Index x) const {
    return (image[(y * windows.size + x) * 3 + channel] / 255.0f - windows.mean[channel]) *
           windows.inverse_deviation[channel];
  }
  __device__ float value(T const* image, Index channel, Index y, Index x) const {
    return to_float(image[(channel * windows.size + y) * windows.size + x]);
  }
};

template <class T>
struct KernelToMatrix {
  Index in, window;
  Rows<T const> weight;
  Rows<T> out;
  __device__ void operator()(Index o, Index j) const {
    out[o][j] = weight[o][j % in * window + j / in];
  }
};

template <class T>
struct KernelToMatrixBackward {
  Index in, window;
  Rows<T const> dout;
  Rows<float> dweight;
  __device__ void operator()(Index o, Index j) const {
    dweight[o][j] += to_float(dout[o][j % window * in + j / window]);
  }
};

}  // namespace

template <class T>
void patchify(Queue& queue, ConstView pixels, PatchLayout const& layout, View out) {
  Windows const windows(layout);
  if (pixels.dtype() == DType::uint8)
    for_each_element<1>(
        queue, "patchify", out.rows(), out.columns(),
        Patchify<T, std::uint8_t>{windows, Rows<std::uint8_t const>(pixels), Rows<T>(out)});
  else
    for_each_element<1>(queue, "patchify", out.rows(), out.columns(),
                        Patchify<T, T>{windows, Rows<T const>(pixels), Rows<T>(out)});
}
template void patchify<float>(Queue&, ConstView, PatchLayout const&, View);
template void patchify<BFloat16>(Queue&, ConstView, PatchLayout const&, View);

template <class T>
void kernel_to_matrix(Queue& queue, ConstView weight, View out) {
  Index const in = weight.extent(1), window = in ? weight.columns() / in : 0;
  for_each_element<1>(queue, "kernel_to_matrix", out.rows(), out.columns(),
                      KernelToMatrix<T>{in, window, Rows<T const>(weight), Rows<T>(out)});
}
template void kernel_to_matrix<float>(Queue&, ConstView, View);
template void kernel_to_matrix<BFloat16>(Queue&, ConstView, View);

template <class T>
void kernel_to_matrix_backward(Queue& queue, ConstView dout, View dweight) {
  Index const in = dweight.extent(1), window = in ? dweight.columns() / in : 0;
  for_each_element<1>(
      queue, "kernel_to_matrix_backward", dweight.rows(), dweight.columns(),
      KernelToMatrixBackward<T>{in, window, Rows<T const>(dout), Rows<float>(dweight)});
}
template void kernel_to_matrix_backward<float>(Queue&, ConstView, View);
template void kernel_to_matrix_backward<BFloat16>(Queue&, ConstView, View);

}  // namespace accord::cuda
