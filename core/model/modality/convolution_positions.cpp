#include "core/model/modality/convolution_positions.hpp"

#include "core/ops/activation.hpp"
#include "core/ops/bias.hpp"
#include "core/ops/grouped_convolution.hpp"

namespace accord {

ConvolutionPositions::ConvolutionPositions(ParameterScope const& scope,
                                           ModalityConfig const& config, Index embed_dim)
    : store_(&scope.store()), norm_(scope.store(), -1, -1) {
  Index const channels = embed_dim / config.position_groups;
  Init const init = convolution_init(channels * config.position_kernel);  // of the bias as well
  for (Index i = 1; i <= config.position_layers; ++i) {
    ParameterScope const layer = scope / "embed_positions" / std::to_string(i) / "0";
    int const weight = layer.add({"weight", {embed_dim, channels, config.position_kernel}, init});
    layers_.push_back({weight, layer.add({"bias", {embed_dim}, init})});
  }
}

Tensor ConvolutionPositions::forward(Queue& queue, ConstView x, ConstView offsets,
                                     Saved& saved) const {
  saved.layers.resize(layers_.size());
  Tensor y(queue, x.dtype(), x.shape());
  copy(queue, x, y);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Saved::Layer& layer = saved.layers[i];
    layer.x = std::move(y);
    layer.convolved = Tensor(queue, x.dtype(), x.shape());
    grouped_convolution_forward(queue, layer.x, offsets, store_->value(layers_[i].weight),
                                layer.convolved);
    bias_forward(queue, store_->value(layers_[i].bias), layer.convolved);
    y = norm_.forward(queue, layer.convolved, {}, layer.norm);
    gelu_forward(queue, y, y);
  }
  return y;
}

Tensor ConvolutionPositions::backward(Queue& queue, ConstView dy, ConstView offsets,
                                      Saved const& saved) const {
  Tensor d(queue, dy.dtype(), dy.shape());
  copy(queue, dy, d);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    Saved::Layer const& layer = saved.layers[i];
    gelu_backward(queue, d, norm_.recompute(queue, layer.convolved, {}), d);
    norm_.backward(queue, d, layer.convolved, {}, layer.norm, Write::overwrite, d);
    if (View dbias = store_->gradient(layers_[i].bias)) bias_backward(queue, d, dbias);
    if (View dweight = store_->gradient(layers_[i].weight))
      grouped_convolution_backward_weight(queue, d, layer.x, offsets, dweight);
    Tensor dx(queue, d.dtype(), d.shape());
    grouped_convolution_backward_input(queue, d, offsets, store_->value(layers_[i].weight), dx);
    d = std::move(dx);
  }
  return d;
}

}  // namespace accord
