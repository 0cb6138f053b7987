#include "core/model/stack/stack.hpp"

#include "core/model/parameter_names.hpp"

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
    blocks_.emplace_back(
        (fusion_model / official::layer(layer)).at_depth(fusion_model.part().depth + layer), config,
        modalities, region);
}

Tensor Stack::forward(Queue& queue, PackPlan const& plan, Biases const& biases, Tensor x,
                      Recompute recompute, Saved* saved) const {
  if (saved) saved->blocks.resize(blocks_.size());
  ResidualStream stream(std::move(x));
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    Index const layer = layer_begin_ + static_cast<Index>(i);
    blocks_[i].forward(queue, plan.attention(layer), plan.ffn(layer), bias_of(biases, layer),
                       stream, recompute, saved ? &saved->blocks[i] : nullptr);
  }
  return std::move(stream).finish(queue);
}

Tensor Stack::backward(Queue& queue, PackPlan const& plan, Biases const& biases, Tensor dx,
                       Recompute recompute, Saved& saved, Ready const& ready) const {
  ResidualGradient gradient{std::move(dx), {}};
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    Index const layer = layer_begin_ + static_cast<Index>(i);
    BranchRows const &attention_rows = plan.attention(layer), &ffn_rows = plan.ffn(layer);
    Block::Saved& kept = saved.blocks[i];
    std::vector<PositionBias> const bias = bias_of(biases, layer);
    std::optional<ResidualGradient::End> before;  // unless the layer stands alone
    if (recompute == Recompute::layer) {
      ResidualStream stream(kept.x.view());
      blocks_[i].forward(queue, attention_rows, ffn_rows, bias, stream, Recompute::none, &kept);
    } else if (i > 0) {
      before.emplace(blocks_[i - 1].ffn_end(plan.ffn(layer - 1), saved.blocks[i - 1]));
    }
    if (!gradient.dbranch) gradient.enter(queue, blocks_[i].ffn_end(ffn_rows, kept));
    blocks_[i].backward(queue, attention_rows, ffn_rows, bias, before, gradient, kept);
    if (ready) ready(blocks_[i].flat_begin());
  }
  return std::move(gradient.dx);
}

}  // namespace accord
