#include "core/ops/grouped_convolution.hpp"

#include "core/ops/cuda/gemm.hpp"
#include "core/ops/cuda/launch.cuh"
#include "core/tensor/tensor.hpp"

// One matrix product for each tap, over all rows and batched over groups: of rows copied apart, so
// that with zeros between the sequences a window never reaches another one. Products of taps are
// summed in float32.

namespace accord::cuda {
namespace {

/// Where rows lie when as many zeros as half a window stand before each sequence and at the end.
struct Apart {
  std::int32_t const* offsets;
  Index sequences, rows, half;

  Apart(ConstView view, Index rows, Index kernel)
      : offsets(view.as<std::int32_t>()),
        sequences(std::max<Index>(view.size() - 1, 0)),
        rows(rows),
        half(kernel / 2) {}
  Index all_rows() const { return rows + half * (sequences + 1); }
  /// Rows between the first and the last zeros.
  Index inner_rows() const { return all_rows() - 2 * half; }

  __device__ Index operator[](Index row) const {
    Index low = 0, high = sequences;  // the number of offsets after the first that are <= row
    while (low < high) {
      Index const middle = (low + high) / 2;
      if (offsets[middle + 1] <= row)
        low = middle + 1;
      else
        high = middle;
    }
    return row + half * (low + 1);
  }
};

template <class T>
struct MoveApart {
  Apart apart;
  Rows<T const> from;
  Rows<T> to;
  __device__ void operator()(Index row, Index j) const { to[apart[row]][j] = from[row][j]; }
};

template <class T>
Tensor moved_apart(Queue& queue, Apart const& apart, ConstView rows) {
  Tensor result = Tensor::zeros(queue, dtype_of<T>, {apart.all_rows(), rows.columns()});
  for_each_element<1>(queue, "grouped_convolution_apart", rows.rows(), rows.columns(),
                      MoveApart<T>{apart, Rows<T const>(rows), Rows<T>(result.view())});
  return result;
}

template <class T>
struct MoveTogether {
  Apart apart;
  Rows<float const> from;
  Rows<T> to;
  __device__ void operator()(Index row, Index j) const {
    to[row][j] = from_float<T>(from[apart[row]][j]);
  }
};

template <class T>
void move_together(Queue& queue, Apart const& apart, ConstView sums, View rows) {
  for_each_element<1>(queue, "grouped_convolution_together", rows.rows(), rows.columns(),
                      MoveTogether<T>{apart, Rows<float const>(sums), Rows<T>(rows)});
}

/// A weight [out, C, K] as a matrix [out, C] for each tap.
struct Taps {
  Index groups, filters, channels, kernel;  // filters and channels of a group

  Taps(ConstView weight, Index columns)
      : groups(columns / weight.extent(1)),
        filters(weight.extent(0) / groups),
        channels(weight.extent(1)),
        kernel(weight.extent(2)) {}
  __host__ __device__ Index matrix() const { return groups * filters * channels; }
  Index group() const { return filters * channels; }
  /// Of the first group.
  template <class Some>
  auto of(Some all, Index tap) const {
    return all.rows(tap, 1).reshaped({groups * filters, channels}).rows(0, filters);
  }
};

template <class T>
struct SplitTaps {
  Taps taps;
  T const* weight;
  T* to;
  __device__ void operator()(Index tap, Index j) const {
    to[tap * taps.matrix() + j] = weight[j * taps.kernel + tap];
  }
};

template <class T>
Tensor split_taps(Queue& queue, Taps const& taps, ConstView weight) {
  Tensor result(queue, dtype_of<T>, {taps.kernel, taps.matrix()});
  for_each_element<1>(queue, "grouped_convolution_taps", taps.kernel, taps.matrix(),
                      SplitTaps<T>{taps, weight.as<T>(), result.view().template as<T>()});
  return result;
}

struct AddTaps {
  Taps taps;
  float const* from;
  float* dweight;
  __device__ void operator()(Index tap, Index j) const {
    dweight[j * taps.kernel + tap] += from[tap * taps.matrix() + j];
  }
};

}  // namespace

template <class T>
void grouped_convolution_forward(Queue& queue, ConstView x, ConstView offsets, ConstView weight,
                                 View y) {
  Taps const taps(weight, x.columns());
  Apart const apart(offsets, x.rows(), taps.kernel);
  if (y.size() == 0) return;
  Tensor const rows = moved_apart<T>(queue, apart, x),
               matrices = split_taps<T>(queue, taps, weight);
  Tensor sums(queue, DType::float32, {apart.all_rows(), y.columns()});
  Index const count = apart.inner_rows();
  for (Index tap = 0; tap < taps.kernel; ++tap)
    batched_gemm(
        queue, taps.groups, Transpose::no, rows.view().rows(tap, count).columns(0, taps.channels),
        taps.channels, Transpose::yes, taps.of(matrices.view(), tap), taps.group(),
        sums.view().rows(apart.half, count).columns(0, taps.filters), taps.filters, tap > 0);
  move_together<T>(queue, apart, sums, y);
}
template void grouped_convolution_forward<float>(Queue&, ConstView, ConstView, ConstView, View);
template void grouped_convolution_forward<BFloat16>(Queue&, ConstView, ConstView, ConstView, View);

template <class T>
void grouped_convolution_backward_input(Queue& queue, ConstView dy, ConstView offsets,
                                        ConstView weight, View dx) {
  Taps const taps(weight, dx.columns());
  Apart const apart(offsets, dx.rows(), taps.kernel);
  if (dx.size() == 0) return;
  Tensor const rows = moved_apart<T>(queue, apart, dy),
               matrices = split_taps<T>(queue, taps, weight);
  Tensor sums(queue, DType::float32, {apart.all_rows(), dx.columns()});
  Index const count = apart.inner_rows();
  for (Index tap = 0; tap < taps.kernel; ++tap)
    batched_gemm(queue, taps.groups, Transpose::no,
                 rows.view().rows(2 * apart.half - tap, count).columns(0, taps.filters),
                 taps.filters, Transpose::no, taps.of(matrices.view(), tap), taps.group(),
                 sums.view().rows(apart.half, count).columns(0, taps.channels), taps.channels,
                 tap > 0);
  move_together<T>(queue, apart, sums, dx);
}
template void grouped_convolution_backward_input<float>(Queue&, ConstView, ConstView, ConstView,
                                                        View);
template void grouped_convolution_backward_input<BFloat16>(Queue&, ConstView, ConstView, ConstView,
                                                           View);

template <class T>
void grouped_convolution_backward_weight(Queue& queue, ConstView dy, ConstView x, ConstView offsets,
                                         View dweight) {
  Taps const taps(dweight, x.columns());
  Apart const apart(offsets, x.rows(), taps.kernel);
  if (x.size() == 0) return;
  Tensor const rows = moved_apart<T>(queue, apart, x), upstream = moved_apart<T>(queue, apart, dy);
  Tensor sums(queue, DType::float32, {taps.kernel, taps.matrix()});
  Index const count = apart.inner_rows();
  for (Index tap = 0; tap < taps.kernel; ++tap)
    batched_gemm(queue, taps.groups, Transpose::yes,
                 upstream.view().rows(apart.half, count).columns(0, taps.filters), taps.filters,
                 Transpose::no, rows.view().rows(tap, count).columns(0, taps.channels),
                 taps.channels, taps.of(sums.view(), tap), taps.group());
  for_each_element<1>(queue, "grouped_convolution_taps", taps.kernel, taps.matrix(),
                      AddTaps{taps, sums.view().as<float>(), dweight.as<float>()});
}
template void grouped_convolution_backward_weight<float>(Queue&, ConstView, ConstView, ConstView,
                                                         View);
template void grouped_convolution_backward_weight<BFloat16>(Queue&, ConstView, ConstView, ConstView,
                                                            View);

}  // namespace accord::cuda
