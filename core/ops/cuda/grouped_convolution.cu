#include "core/ops/grouped_convolution.hpp"

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

/// Where the sequences of a pack begin and end.
struct Sequences {
  std::int32_t const* offsets;
  Index count;

  explicit Sequences(ConstView view)
      : offsets(view.as<std::int32_t>()), count(std::max<Index>(view.size() - 1, 0)) {}
  /// The sequence of `row`; none: an empty one.
  __device__ void locate(Index row, Index& begin, Index& end) const {
    Index low = 0, high = count + 1;  // of the offsets, the first above `row` is in [low, high]
    while (low < high) {
      Index const middle = (low + high) / 2;
      if (offsets[middle] <= row)
        low = middle + 1;
      else
        high = middle;
    }
    bool const found = low > 0 && low <= count;
    begin = found ? offsets[low - 1] : 0;
    end = found ? offsets[low] : 0;
  }
};

struct Taps {
  Index channels, kernel, filters;  // of a group: its channels, and its filters; taps of a filter

  Taps(ConstView weight, Index columns)
      : channels(weight.extent(1)),
        kernel(weight.extent(2)),
        filters(weight.extent(0) / (columns / channels)) {}
};

template <class T>
struct Forward {
  Taps taps;
  Sequences sequences;
  T const* weight;
  Rows<T const> x;
  Rows<T> y;
  __device__ void operator()(Index t, Index o) const {
    Index begin, end;
    sequences.locate(t, begin, end);
    T const* const w = weight + o * taps.channels * taps.kernel;
    Index const first = o / taps.filters * taps.channels;
    float sum = 0;
    for (Index k = 0; k < taps.kernel; ++k) {
      Index const r = t + k - taps.kernel / 2;
      if (r < begin || r >= end) continue;
      for (Index c = 0; c < taps.channels; ++c)
        sum += to_float(w[c * taps.kernel + k]) * to_float(x[r][first + c]);
    }
    y[t][o] = from_float<T>(sum);
  }
};

template <class T>
struct BackwardInput {
  Taps taps;
  Sequences sequences;
  T const* weight;
  Rows<T const> dy;
  Rows<T> dx;
  __device__ void operator()(Index r, Index column) const {
    Index begin, end;
    sequences.locate(r, begin, end);
    Index const c = column % taps.channels, first = column / taps.channels * taps.filters;
    float sum = 0;
    for (Index k = 0; k < taps.kernel; ++k) {
      Index const t = r - k + taps.kernel / 2;
      if (t < begin || t >= end) continue;
      for (Index o = first; o < first + taps.filters; ++o)
        sum += to_float(weight[(o * taps.channels + c) * taps.kernel + k]) * to_float(dy[t][o]);
    }
    dx[r][column] = from_float<T>(sum);
  }
};

/// Element (o, (c, k)) of dweight.
template <class T>
struct BackwardWeight {
  Taps taps;
  Sequences sequences;
  Rows<T const> dy, x;
  Rows<float> dweight;
  __device__ void operator()(Index o, Index j) const {
    Index const column = o / taps.filters * taps.channels + j / taps.kernel;
    Index const shift = j % taps.kernel - taps.kernel / 2;
    float sum = 0;
    for (Index s = 0; s < sequences.count; ++s) {
      Index const begin = sequences.offsets[s], end = sequences.offsets[s + 1];
      for (Index t = max(begin, begin - shift); t < min(end, end - shift); ++t)
        sum += to_float(dy[t][o]) * to_float(x[t + shift][column]);
    }
    dweight[o][j] += sum;
  }
};

}  // namespace

template <class T>
void grouped_convolution_forward(Queue& queue, ConstView x, ConstView offsets, ConstView weight,
                                 View y) {
  for_each_element<1>(queue, "grouped_convolution_forward", y.rows(), y.columns(),
                      Forward<T>{Taps(weight, x.columns()), Sequences(offsets), weight.as<T>(),
                                 Rows<T const>(x), Rows<T>(y)});
}
template void grouped_convolution_forward<float>(Queue&, ConstView, ConstView, ConstView, View);
template void grouped_convolution_forward<BFloat16>(Queue&, ConstView, ConstView, ConstView, View);

template <class T>
void grouped_convolution_backward_input(Queue& queue, ConstView dy, ConstView offsets,
                                        ConstView weight, View dx) {
  for_each_element<1>(queue, "grouped_convolution_backward_input", dx.rows(), dx.columns(),
                      BackwardInput<T>{Taps(weight, dx.columns()), Sequences(offsets),
                                       weight.as<T>(), Rows<T const>(dy), Rows<T>(dx)});
}
template void grouped_convolution_backward_input<float>(Queue&, ConstView, ConstView, ConstView,
                                                        View);
template void grouped_convolution_backward_input<BFloat16>(Queue&, ConstView, ConstView, ConstView,
                                                           View);

template <class T>
void grouped_convolution_backward_weight(Queue& queue, ConstView dy, ConstView x, ConstView offsets,
                                         View dweight) {
  for_each_element<1>(queue, "grouped_convolution_backward_weight", dweight.rows(),
                      dweight.columns(),
                      BackwardWeight<T>{Taps(dweight, x.columns()), Sequences(offsets),
                                        Rows<T const>(dy), Rows<T const>(x), Rows<float>(dweight)});
}
template void grouped_convolution_backward_weight<float>(Queue&, ConstView, ConstView, ConstView,
                                                         View);
template void grouped_convolution_backward_weight<BFloat16>(Queue&, ConstView, ConstView, ConstView,
                                                            View);

}  // namespace accord::cuda
