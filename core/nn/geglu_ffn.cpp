#include "core/nn/geglu_ffn.hpp"

#include "core/ops/bias.hpp"

namespace accord {

GegluFfn::GegluFfn(ParameterScope const& scope, Index embed_dim, Index ffn_dim,
                   TensorParallelRegion region)
    : store_(&scope.store()),
      bias_(scope.add({"3.bias", {embed_dim}, constant_init(0), region.outside()})),
      in_(scope.store(),
          scope.add(
              {{"0.wi_0.weight", {ffn_dim, embed_dim}, linear_init(embed_dim), region.inside(), 0},
               {"0.wi_1.weight",
                {ffn_dim, embed_dim},
                linear_init(embed_dim),
                region.inside(),
                0}}),
          -1, 2),
      out_(scope.store(),
           scope.add({"3.weight", {embed_dim, ffn_dim}, linear_init(ffn_dim), region.inside(), 1})),
      norm_(LayerNorm(scope.store(),
                      scope.add({"2.weight", {ffn_dim}, constant_init(1), region.inside()}),
                      scope.add({"2.bias", {ffn_dim}, constant_init(0), region.inside()}),
                      region.group(), ffn_dim)) {}

void GegluFfn::forward(Queue& queue, ConstView x, Recompute recompute, View y, Saved& saved) const {
  saved.gate_up = in_.forward(queue, x);
  Tensor normed = norm_.forward(queue, saved.gate_up, saved.norm);
  out_.forward(queue, normed, y);
  if (recompute == Recompute::none) saved.normed = std::move(normed);
}

void GegluFfn::add_bias(Queue& queue, View y) const {
  bias_forward(queue, store_->value(bias_), y);
}

void GegluFfn::add_bias_backward(Queue& queue, ConstView dy) const {
  if (View dbias = store_->gradient(bias_)) bias_backward(queue, dy, dbias);
}

void GegluFfn::backward(Queue& queue, ConstView dy, ConstView x, Saved& saved, View dx) const {
  if (!saved.normed) saved.normed = norm_.recompute(queue, saved.gate_up);
  Tensor const dnormed = out_.backward(queue, dy, saved.normed);
  saved.normed = {};
  norm_.backward(queue, dnormed, saved.gate_up, saved.norm, saved.gate_up);
  View const dgate_up = saved.gate_up;
  in_.backward_parameters(queue, dgate_up, x);
  in_.backward_input(queue, dgate_up, dx);
  saved = {};
}

}  // namespace accord
