#include "core/model/modality/convolution_stem.hpp"

#include <algorithm>

#include "core/ops/activation.hpp"
#include "core/ops/gemm.hpp"
#include "core/ops/patches.hpp"

namespace accord {
namespace {

LayerNorm add_norm(ParameterScope const& scope, Index width) {
  int const weight = scope.add({"weight", {width}, constant_init(1)});
  return {scope.store(), weight, scope.add({"bias", {width}, constant_init(0)})};
}

Linear add_projection(ParameterScope const& scope, Index in, Index out) {
  int const weight = scope.add({"weight", {out, in}, linear_init(in)});
  return {scope.store(), weight, scope.add({"bias", {out}, constant_init(0)})};
}

Index frames_after(Index elements, Index kernel, Index stride) {
  return elements < kernel ? 0 : (elements - kernel) / stride + 1;
}

/// A convolution as matrix products. Taps are taken `stride` at a time: then the windows of a
/// product do not overlap, and a view with a row for every `stride` frames shows them in place.
template <class Body>
void for_each_product(Index kernel, Index stride, std::vector<Index> const& from,
                      std::vector<Index> const& to, Body&& body) {
  for (std::size_t item = 0; item + 1 < from.size(); ++item)
    for (Index tap = 0; tap < kernel; tap += stride)
      if (Index const frames = to[item + 1] - to[item]; frames > 0)
        body(from[item] + tap, to[item], frames, tap, std::min(stride, kernel - tap));
}

/// Row t: frames [first + t * stride, first + t * stride + taps) of a dense x.
template <class AnyView>
AnyView windows(AnyView x, Index first, Index count, Index stride, Index taps) {
  AnyView const begin = x.rows(first, taps);
  return {begin.data(), x.dtype(), Shape{count, taps * x.columns()}, stride * x.columns()};
}

}  // namespace

ConvolutionStem::ConvolutionStem(ParameterScope const& scope, ModalityConfig const& config,
                                 Index embed_dim)
    : store_(&scope.store()),
      levels_([&] {
        std::vector<Level> levels;
        Index in = 1;
        for (std::size_t i = 0; i < config.kernels.size(); ++i) {
          ParameterScope const block =
              scope / "embed_audios" / "0" / "conv_layers" / std::to_string(i);
          int const weight = (block / "0")
                                 .add({"weight",
                                       {config.channels, in, config.kernels[i]},
                                       kaiming_init(in * config.kernels[i])});
          levels.push_back(
              {weight, config.strides[i], add_norm(block / "2" / "1", config.channels)});
          in = config.channels;
        }
        return levels;
      }()),
      norm_(add_norm(scope / "embed_audios" / "2", config.channels)),
      projection_(add_projection(scope / "embed_audios" / "3", config.channels, embed_dim)),
      end_(store_->count()) {}

Index ConvolutionStem::frames(ModalityConfig const& config, Index elements) {
  for (std::size_t i = 0; i < config.kernels.size(); ++i)
    elements = frames_after(elements, config.kernels[i], config.strides[i]);
  return elements;
}

bool ConvolutionStem::trains() const {
  for (int id = levels_.front().weight; id < end_; ++id)
    if (store_->spec(id).trainable) return true;
  return false;
}

Tensor ConvolutionStem::matrix(Queue& queue, Level const& level) const {
  ConstView const weight = store_->value(level.weight);
  Tensor result(queue, weight.dtype(), Shape{weight.extent(0), weight.columns()});
  kernel_to_matrix(queue, weight, result);
  return result;
}

void ConvolutionStem::convolve(Queue& queue, Level const& level, ConstView x,
                               std::vector<Index> const& from, std::vector<Index> const& to,
                               View y) const {
  Tensor const weight = matrix(queue, level);
  Index const kernel = store_->value(level.weight).extent(2), in = x.columns();
  for_each_product(kernel, level.stride, from, to,
                   [&](Index first, Index row, Index frames, Index tap, Index taps) {
                     gemm(queue, Transpose::no, windows(x, first, frames, level.stride, taps),
                          Transpose::yes, weight.view().columns(tap * in, taps * in),
                          y.rows(row, frames), tap == 0 ? 0 : 1);
                   });
}

void ConvolutionStem::convolve_backward(Queue& queue, Level const& level, ConstView dy, ConstView x,
                                        std::vector<Index> const& from,
                                        std::vector<Index> const& to, View dx) const {
  Index const kernel = store_->value(level.weight).extent(2), in = x.columns();
  if (View dweight = store_->gradient(level.weight)) {
    Tensor dmatrix =
        Tensor::zeros(queue, dweight.dtype(), Shape{dweight.extent(0), dweight.columns()});
    for_each_product(kernel, level.stride, from, to,
                     [&](Index first, Index row, Index frames, Index tap, Index taps) {
                       gemm(queue, Transpose::yes, dy.rows(row, frames), Transpose::no,
                            windows(x, first, frames, level.stride, taps),
                            dmatrix.view().columns(tap * in, taps * in), 1);
                     });
    kernel_to_matrix_backward(queue, dmatrix, dweight);
  }
  if (!dx) return;
  Tensor const weight = matrix(queue, level);
  zero(queue, dx);
  for_each_product(kernel, level.stride, from, to,
                   [&](Index first, Index row, Index frames, Index tap, Index taps) {
                     gemm(queue, Transpose::no, dy.rows(row, frames), Transpose::no,
                          weight.view().columns(tap * in, taps * in),
                          windows(dx, first, frames, level.stride, taps), 1);
                   });
}

Tensor ConvolutionStem::activated(Queue& queue, std::size_t i, Saved const& saved) const {
  Tensor y = levels_[i].norm.recompute(queue, saved.levels[i].convolved, {});
  gelu_forward(queue, y, y);
  return y;
}

Tensor ConvolutionStem::forward(Queue& queue, Tensor samples, std::vector<Index> offsets,
                                Saved& saved) const {
  saved.samples = std::move(samples);
  saved.offsets = {std::move(offsets)};
  saved.levels.resize(levels_.size());
  Tensor held;
  ConstView x = saved.samples;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    ConstView const weight = store_->value(levels_[i].weight);
    std::vector<Index> const& from = saved.offsets.back();
    std::vector<Index> to{0};
    for (std::size_t item = 0; item + 1 < from.size(); ++item)
      to.push_back(to.back() +
                   frames_after(from[item + 1] - from[item], weight.extent(2), levels_[i].stride));
    Saved::Level& level = saved.levels[i];
    level.convolved = Tensor(queue, weight.dtype(), Shape{to.back(), weight.extent(0)});
    convolve(queue, levels_[i], x, from, to, level.convolved);
    held = levels_[i].norm.forward(queue, level.convolved, {}, level.norm);
    gelu_forward(queue, held, held);
    x = held;
    saved.offsets.push_back(std::move(to));
  }
  return projection_.forward(queue, norm_.forward(queue, x, {}, saved.norm));
}

void ConvolutionStem::backward(Queue& queue, ConstView dfeatures, Saved const& saved,
                               View dsamples) const {
  Tensor x = activated(queue, levels_.size() - 1, saved);
  Tensor d = projection_.backward(queue, dfeatures, norm_.recompute(queue, x, {}));
  norm_.backward(queue, d, x, {}, saved.norm, Write::overwrite, d);
  for (std::size_t i = levels_.size(); i-- > 0;) {
    ConstView const convolved = saved.levels[i].convolved;
    gelu_backward(queue, d, levels_[i].norm.recompute(queue, convolved, {}), d);
    levels_[i].norm.backward(queue, d, convolved, {}, saved.levels[i].norm, Write::overwrite, d);
    if (i > 0) x = activated(queue, i - 1, saved);
    ConstView const input = i > 0 ? x.view() : saved.samples.view();
    Tensor dx;
    if (i > 0) dx = Tensor(queue, d.dtype(), input.shape());
    convolve_backward(queue, levels_[i], d, input, saved.offsets[i], saved.offsets[i + 1],
                      i > 0 ? View(dx) : dsamples);
    d = std::move(dx);
  }
}

}  // namespace accord
