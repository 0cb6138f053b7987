#include "core/model/modality/patch_stem.hpp"

#include "core/base/require.hpp"
#include "core/ops/activation.hpp"
#include "core/ops/bias.hpp"
#include "core/ops/gemm.hpp"

namespace accord {
namespace {

ConstView joined(ConstView x, Index windows) {
  return x.reshaped({x.rows() / windows, x.columns() * windows});
}

}  // namespace

PatchStem::PatchStem(ParameterScope const& scope, StemKind kind, Index size, Index patch,
                     Index embed_dim)
    : store_(&scope.store()), layout_{.size = size, .patch = patch, .kernel = patch} {
  require(size % patch == 0, "{}: size {} is not a multiple of patch {}", scope.prefix(), size,
          patch);
  if (kind == StemKind::mlp) {
    int const weight = scope.add(
        {"embed_images.weight", {embed_dim, 3, patch, patch}, convolution_init(3 * patch * patch)});
    convolutions_ = {{weight, -1, 1}};
    return;
  }
  require(patch == 16 && embed_dim % 4 == 0,
          "{}: an hMLP stem has patches of 16 pixels, not {}, and a width that is a multiple of 4, "
          "not {}",
          scope.prefix(), patch, embed_dim);
  layout_.kernel = 4;
  Index const channels = embed_dim / 4;
  struct Level {
    char const* index;
    Index in, out, kernel;
  };
  for (Level const& level : {Level{"0", 3, channels, 4}, Level{"3", channels, channels, 2},
                             Level{"6", channels, embed_dim, 2}}) {
    ParameterScope const conv = scope / "embed_images" / level.index;
    int const weight = conv.add({"weight",
                                 {level.out, level.in, level.kernel, level.kernel},
                                 convolution_init(level.in * level.kernel * level.kernel)});
    int const bias = conv.add({"bias", {level.out}, constant_init(0)});
    convolutions_.push_back({weight, bias, level.in == 3 ? 1 : level.kernel * level.kernel});
  }
  for (char const* index : {"1", "4"}) {
    ParameterScope const norm = scope / "embed_images" / index / "layer_norm";
    int const weight = norm.add({"weight", {channels}, constant_init(1)});
    norms_.emplace_back(*store_, weight, norm.add({"bias", {channels}, constant_init(0)}));
  }
}

Tensor PatchStem::matrix(Queue& queue, Convolution const& convolution) const {
  ConstView const weight = store_->value(convolution.weight);
  Index const out = weight.extent(0), in = weight.extent(1);
  Index const kernel = weight.extent(2) * weight.extent(3);
  Tensor result(queue, weight.dtype(), Shape{out, kernel * in});
  kernel_to_matrix(queue, weight.reshaped({out, in, kernel}),
                   result.view().reshaped({out, kernel, in}));
  return result;
}

Tensor PatchStem::convolve(Queue& queue, Convolution const& convolution, ConstView x) const {
  ConstView const weight = store_->value(convolution.weight);
  Tensor y(queue, x.dtype(), Shape{x.rows(), weight.extent(0)});
  if (convolution.windows == 1) {  // patchify already orders columns as the weight does
    gemm(queue, Transpose::no, x, Transpose::yes,
         weight.reshaped({weight.extent(0), weight.columns()}), y);
  } else {
    gemm(queue, Transpose::no, x, Transpose::yes, matrix(queue, convolution), y);
  }
  if (convolution.bias >= 0) bias_forward(queue, store_->value(convolution.bias), y);
  return y;
}

void PatchStem::convolve_backward(Queue& queue, Convolution const& convolution, ConstView dy,
                                  ConstView x, View dx) const {
  if (convolution.bias >= 0)
    if (View dbias = store_->gradient(convolution.bias)) bias_backward(queue, dy, dbias);
  if (View dweight = store_->gradient(convolution.weight)) {
    Index const out = dweight.extent(0), in = dweight.extent(1);
    Index const kernel = dweight.extent(2) * dweight.extent(3);
    if (convolution.windows == 1) {
      gemm(queue, Transpose::yes, dy, Transpose::no, x, dweight.reshaped({out, in * kernel}), 1);
    } else {
      Tensor dmatrix(queue, dweight.dtype(), Shape{out, kernel * in});
      gemm(queue, Transpose::yes, dy, Transpose::no, x, dmatrix);
      kernel_to_matrix_backward(queue, dmatrix.view().reshaped({out, kernel, in}),
                                dweight.reshaped({out, in, kernel}));
    }
  }
  if (!dx) return;
  if (convolution.windows == 1) {
    ConstView const weight = store_->value(convolution.weight);
    gemm(queue, Transpose::no, dy, Transpose::no,
         weight.reshaped({weight.extent(0), weight.columns()}), dx);
  } else {
    gemm(queue, Transpose::no, dy, Transpose::no, matrix(queue, convolution), dx);
  }
}

Tensor PatchStem::forward(Queue& queue, ConstView pixels, Saved& saved) const {
  Index const side = layout_.size / layout_.patch, inner = layout_.patch / layout_.kernel;
  ConstView const weight = store_->value(convolutions_.front().weight);
  saved.windows = Tensor(queue, weight.dtype(),
                         Shape{pixels.rows() * side * side * inner * inner, weight.columns()});
  patchify(queue, pixels, layout_, saved.windows);
  Tensor y = convolve(queue, convolutions_.front(), saved.windows);
  saved.levels.resize(norms_.size());
  for (std::size_t i = 0; i < norms_.size(); ++i) {
    Saved::Level& level = saved.levels[i];
    level.convolved = std::move(y);
    level.normed = norms_[i].forward(queue, level.convolved, {}, level.norm);
    level.activated = Tensor(queue, weight.dtype(), level.normed.shape());
    gelu_forward(queue, level.normed, level.activated);
    Convolution const& next = convolutions_[i + 1];
    y = convolve(queue, next, joined(level.activated, next.windows));
  }
  return y;
}

void PatchStem::backward(Queue& queue, ConstView dfeatures, Saved const& saved,
                         View dwindows) const {
  Tensor held;
  ConstView dy = dfeatures;
  for (std::size_t i = norms_.size(); i-- > 0;) {
    Saved::Level const& level = saved.levels[i];
    Convolution const& next = convolutions_[i + 1];
    ConstView const x = joined(level.activated, next.windows);
    Tensor dactivated(queue, dy.dtype(), x.shape());
    convolve_backward(queue, next, dy, x, dactivated);
    View const d = dactivated.view().reshaped(level.normed.shape());
    gelu_backward(queue, d, level.normed, d);
    norms_[i].backward(queue, d, level.convolved, {}, level.norm, Write::overwrite, d);
    held = std::move(dactivated);
    dy = held.view().reshaped(level.normed.shape());
  }
  convolve_backward(queue, convolutions_.front(), dy, saved.windows, dwindows);
}

}  // namespace accord
