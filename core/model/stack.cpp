#include "core/model/stack.hpp"

namespace accord {
namespace {

std::vector<PositionBias> bias_of(Stack::Biases const& biases, Index layer) {
  return biases ? biases(layer) : std::vector<PositionBias>{};
}

}  // namespace

Stack::Stack(ParameterScope const& fusion_model, StackConfig const& config,
             std::vector<std::string> const& modalities, TensorParallelRegion region,
             Index layer_begin, Index layer_end)
    : layer_begin_(layer_begin) {
  for (Index layer = layer_begin; layer < layer_end; ++layer)
    blocks_.emplace_back(fusion_model / ("layers." + std::to_string(layer)), config, modalities,
                         region);
}

Tensor Stack::forward(Queue& queue, PackPlan const& plan, Biases const& biases, Tensor x,
                      Recompute recompute, Saved* saved) const {
  if (saved) saved->blocks.resize(blocks_.size());
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    Index const layer = layer_begin_ + static_cast<Index>(i);
    Block::Saved* kept = saved ? &saved->blocks[i] : nullptr;
    if (kept && recompute == Recompute::layer) {
      kept->x = Tensor(queue, x.dtype(), x.shape());
      copy(queue, x, kept->x);
      kept = nullptr;
    }
    x = blocks_[i].forward(queue, plan.attention(layer), plan.ffn(layer), bias_of(biases, layer),
                           nullptr, std::move(x), recompute, kept);
  }
  return x;
}

Tensor Stack::backward(Queue& queue, PackPlan const& plan, Biases const& biases, Tensor dx,
                       Recompute recompute, Saved& saved, Ready const& ready) const {
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    Index const layer = layer_begin_ + static_cast<Index>(i);
    Block::Saved& kept = saved.blocks[i];
    std::vector<PositionBias> const bias = bias_of(biases, layer);
    if (recompute == Recompute::layer) {
      Tensor x = std::move(kept.x);
      blocks_[i].forward(queue, plan.attention(layer), plan.ffn(layer), bias, nullptr, std::move(x),
                         Recompute::none, &kept);
    }
    dx = blocks_[i].backward(queue, plan.attention(layer), plan.ffn(layer), bias, nullptr,
                             std::move(dx), kept);
    if (ready) ready(blocks_[i].flat_begin());
  }
  return dx;
}

}  // namespace accord
