#include "core/ops/grouped_convolution.hpp"

#include <algorithm>

#include "core/ops/cpu/blas.hpp"
#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

// Each group is a matrix product over windows: `window` consecutive rows of the group's channels,
// laid out (tap, channel). Windows are built for a few rows of one sequence at a time.

namespace accord::cpu {
namespace {

/// Rows [begin, end) of the sequence [first, last).
struct Chunk {
  Index begin, end, first, last;
};

std::vector<Chunk> chunks_of(ConstView offsets_view) {
  constexpr Index chunk_rows = 128;
  auto const* const offsets = offsets_view.as<std::int32_t>();
  std::vector<Chunk> chunks;
  for (Index s = 0; s + 1 < offsets_view.size(); ++s)
    for (Index begin = offsets[s]; begin < offsets[s + 1]; begin += chunk_rows)
      chunks.push_back(
          {begin, std::min<Index>(begin + chunk_rows, offsets[s + 1]), offsets[s], offsets[s + 1]});
  return chunks;
}

/// The windows of one group's rows, for one thread.
template <class T>
class Windows {
 public:
  /// \param before  how many rows before its own a window begins
  Windows(Index kernel, Index before, Index channels)
      : kernel_(kernel), before_(before), channels_(channels) {}

  Index size() const { return kernel_ * channels_; }
  /// [chunk rows, size()]
  Block<T const> of(Matrix<T const> const& x, Index column, Chunk const& chunk) {
    Index const rows = chunk.end - chunk.begin, strip_begin = chunk.begin - before_;
    strip_.assign(static_cast<std::size_t>((rows + kernel_ - 1) * channels_), T{0});
    Index const low = std::max(strip_begin, chunk.first);
    Index const high = std::min(strip_begin + rows + kernel_ - 1, chunk.last);
    T* to = strip_.data() + (low - strip_begin) * channels_;
    for (Index row = low; row < high; ++row, to += channels_)
      std::copy_n(x[row] + column, channels_, to);
    windows_.resize(static_cast<std::size_t>(rows * size()));
    for (Index row = 0; row < rows; ++row)
      std::copy_n(strip_.data() + row * channels_, size(), windows_.data() + row * size());
    return {windows_.data(), size()};
  }

 private:
  Index kernel_, before_, channels_;
  std::vector<T> strip_, windows_;
};

/// y [R, groups * out] from x [R, groups * in] with a matrix [groups * out, kernel * in] over
/// windows that begin `before` rows before their own.
template <class T>
void convolve(Matrix<T const> const& x, ConstView offsets, T const* matrix, Index groups,
              Index kernel, Index before, Matrix<T> const& y) {
  Index const in = x.columns() / groups, out = y.columns() / groups;
  std::vector<Chunk> const chunks = chunks_of(offsets);
  parallel_for(static_cast<Index>(chunks.size()), 1, [&](Index begin, Index end) {
    Windows<T> windows(kernel, before, in);
    for (Index i = begin; i < end; ++i) {
      Chunk const& chunk = chunks[static_cast<std::size_t>(i)];
      for (Index g = 0; g < groups; ++g)
        blas_gemm<T>(Transpose::no, Transpose::yes, chunk.end - chunk.begin, out, windows.size(), 1,
                     windows.of(x, g * in, chunk),
                     {matrix + g * out * windows.size(), windows.size()}, 0,
                     {y[chunk.begin] + g * out, y.stride()});
    }
  });
}

}  // namespace

template <class T>
void grouped_convolution_forward(Queue&, ConstView x_view, ConstView offsets, ConstView weight,
                                 View y_view) {
  Index const channels = weight.extent(1), kernel = weight.extent(2);
  Matrix<T const> const x(x_view);
  std::vector<T> matrix(static_cast<std::size_t>(weight.size()));
  T const* from = weight.as<T>();
  for (Index o = 0; o < weight.extent(0); ++o)
    for (Index c = 0; c < channels; ++c)
      for (Index k = 0; k < kernel; ++k)
        matrix[static_cast<std::size_t>((o * kernel + k) * channels + c)] = *from++;
  convolve<T>(x, offsets, matrix.data(), x.columns() / channels, kernel, kernel / 2,
              Matrix<T>(y_view));
}
template void grouped_convolution_forward<double>(Queue&, ConstView, ConstView, ConstView, View);
template void grouped_convolution_forward<float>(Queue&, ConstView, ConstView, ConstView, View);

// The same convolution with inputs and outputs exchanged and the taps in reverse.
template <class T>
void grouped_convolution_backward_input(Queue&, ConstView dy_view, ConstView offsets,
                                        ConstView weight, View dx_view) {
  Index const channels = weight.extent(1), kernel = weight.extent(2);
  Matrix<T> const dx(dx_view);
  Index const groups = dx.columns() / channels, filters = weight.extent(0) / groups;
  std::vector<T> matrix(static_cast<std::size_t>(weight.size()));
  T const* from = weight.as<T>();
  for (Index g = 0; g < groups; ++g)
    for (Index o = 0; o < filters; ++o)
      for (Index c = 0; c < channels; ++c)
        for (Index k = 0; k < kernel; ++k)
          matrix[static_cast<std::size_t>(((g * channels + c) * kernel + kernel - 1 - k) * filters +
                                          o)] = *from++;
  convolve<T>(Matrix<T const>(dy_view), offsets, matrix.data(), groups, kernel,
              kernel - 1 - kernel / 2, dx);
}
template void grouped_convolution_backward_input<double>(Queue&, ConstView, ConstView, ConstView,
                                                         View);
template void grouped_convolution_backward_input<float>(Queue&, ConstView, ConstView, ConstView,
                                                        View);

// Threads share the groups, so that each element has its terms added in the order of the rows.
template <class T>
void grouped_convolution_backward_weight(Queue&, ConstView dy_view, ConstView x_view,
                                         ConstView offsets, View dweight) {
  Index const channels = dweight.extent(1), kernel = dweight.extent(2);
  Matrix<T const> const dy(dy_view), x(x_view);
  Index const groups = x.columns() / channels, filters = dweight.extent(0) / groups;
  std::vector<Chunk> const chunks = chunks_of(offsets);
  parallel_for(groups, 1, [&](Index begin, Index end) {
    Windows<T> windows(kernel, kernel / 2, channels);
    std::vector<T> sum(static_cast<std::size_t>(filters * windows.size()));
    for (Index g = begin; g < end; ++g) {
      std::ranges::fill(sum, T{0});
      for (Chunk const& chunk : chunks)
        blas_gemm<T>(Transpose::yes, Transpose::no, filters, windows.size(),
                     chunk.end - chunk.begin, 1, {dy[chunk.begin] + g * filters, dy.stride()},
                     windows.of(x, g * channels, chunk), 1, {sum.data(), windows.size()});
      T* to = dweight.as<T>() + g * filters * windows.size();
      for (Index o = 0; o < filters; ++o)
        for (Index c = 0; c < channels; ++c)
          for (Index k = 0; k < kernel; ++k)
            *to++ += sum[static_cast<std::size_t>((o * kernel + k) * channels + c)];
    }
  });
}
template void grouped_convolution_backward_weight<double>(Queue&, ConstView, ConstView, ConstView,
                                                          View);
template void grouped_convolution_backward_weight<float>(Queue&, ConstView, ConstView, ConstView,
                                                         View);

}  // namespace accord::cpu
