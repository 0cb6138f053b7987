#include "core/nn/geglu_ffn.hpp"

#include "core/ops/activation.hpp"
#include "core/ops/bias.hpp"

namespace accord {

GegluFfn::GegluFfn(ParameterScope const& scope, Index embed_dim, Index ffn_dim,
                   TensorParallelRegion region)
    : store_(&scope.store()),
      width_(ffn_dim / region.size()),
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
      norm_(scope.store(), scope.add({"2.weight", {ffn_dim}, constant_init(1), region.inside()}),
            scope.add({"2.bias", {ffn_dim}, constant_init(0), region.inside()}), region.group(),
            ffn_dim) {}

void GegluFfn::forward(Queue& queue, ConstView x, Recompute recompute, View y, Saved& saved) const {
  saved.gate_up = in_.forward(queue, x);
  Tensor product(queue, x.dtype(), Shape{x.rows(), width_});
  geglu_forward(queue, saved.gate_up, product);
  Tensor normed = norm_.forward(queue, product, {}, saved.norm);
  out_.forward(queue, normed, y);
  if (recompute == Recompute::none) {
    saved.product = std::move(product);
    saved.normed = std::move(normed);
  }
}

void GegluFfn::add_bias(Queue& queue, View y) const {
  bias_forward(queue, store_->value(bias_), y);
}

void GegluFfn::add_bias_backward(Queue& queue, ConstView dy) const {
  if (View dbias = store_->gradient(bias_)) bias_backward(queue, dy, dbias);
}

void GegluFfn::backward(Queue& queue, ConstView dy, ConstView x, Saved const& saved,
                        View dx) const {
  Tensor rebuilt_product, rebuilt_normed;
  if (!saved.product) {
    rebuilt_product = Tensor(queue, x.dtype(), Shape{x.rows(), width_});
    geglu_forward(queue, saved.gate_up, rebuilt_product);
    rebuilt_normed = norm_.recompute(queue, rebuilt_product, {});
  }
  ConstView const product = saved.product ? saved.product.view() : ConstView(rebuilt_product);
  ConstView const normed = saved.normed ? saved.normed.view() : ConstView(rebuilt_normed);
  Tensor dproduct = out_.backward(queue, dy, normed);
  norm_.backward(queue, dproduct, product, {}, saved.norm, Write::overwrite, dproduct);
  Tensor dgate_up(queue, x.dtype(), saved.gate_up.shape());
  geglu_backward(queue, dproduct, saved.gate_up, dgate_up);
  in_.backward_parameters(queue, dgate_up, x);
  in_.backward_input(queue, dgate_up, dx);
}

}  // namespace accord
