#include "core/nn/self_attention.hpp"

#include "core/ops/bias.hpp"

namespace accord {
namespace {

int add_qkv(ParameterScope const& scope, Index d, Distribution split) {
  return scope.add({{"q_proj.weight", {d, d}, linear_init(d), split, 0},
                    {"k_proj.weight", {d, d}, linear_init(d), split, 0},
                    {"v_proj.weight", {d, d}, linear_init(d), split, 0}});
}

int add_vector(ParameterScope const& scope, std::string const& name, Index n, double value,
               Distribution distribution) {
  return scope.add({name, {n}, constant_init(value), distribution, 0});
}

}  // namespace

SelfAttention::SelfAttention(ParameterScope const& scope, Index embed_dim, Index heads,
                             TensorParallelRegion region)
    : store_(&scope.store()),
      region_(region),
      heads_(heads / region.size()),
      width_(embed_dim / region.size()),
      q_bias_(add_vector(scope, "q_proj.bias", embed_dim, 0, region.inside())),
      v_bias_(add_vector(scope, "v_proj.bias", embed_dim, 0, region.inside())),
      out_bias_(add_vector(scope, "out_proj.bias", embed_dim, 0, region.outside())),
      qkv_(scope.store(), add_qkv(scope, embed_dim, region.inside()), -1, 3),
      out_(scope.store(), scope.add({"out_proj.weight",
                                     {embed_dim, embed_dim},
                                     linear_init(embed_dim),
                                     region.inside(),
                                     1})),
      norm_(scope.store(), add_vector(scope, "ln.weight", embed_dim, 1, region.inside()),
            add_vector(scope, "ln.bias", embed_dim, 0, region.inside()), region.group(),
            embed_dim) {
  if (heads % region.size() != 0)
    throw UsageError(fmt::format("{}: {} heads do not divide by parallel.tensor = {}",
                                 scope.prefix(), heads, region.size()));
}

Tensor SelfAttention::forward(Queue& queue, ConstView own, AttentionPlan const& plan,
                              std::span<PositionBias const> bias, Recompute recompute, Saved& saved,
                              RowShares const& shares) const {
  Tensor room;
  ConstView const a = region_.enter_forward(queue, own, shares, room);
  saved.qkv = qkv_.forward(queue, a);
  bias_forward(queue, store_->value(q_bias_), saved.qkv.view().columns(0, width_));
  bias_forward(queue, store_->value(v_bias_), saved.qkv.view().columns(2 * width_, width_));
  saved.out = Tensor(queue, a.dtype(), Shape{a.rows(), width_});
  saved.lse = Tensor(queue, accumulator_of(a.dtype()), Shape{a.rows(), heads_});
  attention_forward(queue, plan, heads_, saved.qkv, bias, saved.out, saved.lse);
  Tensor normed = norm_.forward(queue, saved.out, {}, saved.norm);
  Tensor y = region_.leave_forward(queue, out_.forward(queue, normed), shares);
  bias_forward(queue, store_->value(out_bias_), y);
  if (recompute == Recompute::none) saved.normed = std::move(normed);
  return y;
}

Tensor SelfAttention::backward(Queue& queue, ConstView own_dy, ConstView own,
                               AttentionPlan const& plan, std::span<PositionBias const> bias,
                               Saved const& saved, RowShares const& shares) const {
  if (View dbias = store_->gradient(out_bias_)) bias_backward(queue, own_dy, dbias);
  Tensor room, dy_room;
  ConstView const a = region_.enter_forward(queue, own, shares, room);
  ConstView const dy = region_.leave_backward(queue, own_dy, shares, dy_room);
  Tensor dout = [&] {
    if (saved.normed) return out_.backward(queue, dy, saved.normed);
    Tensor const normed = norm_.recompute(queue, saved.out, {});
    return out_.backward(queue, dy, normed);
  }();
  norm_.backward(queue, dout, saved.out, {}, saved.norm, Write::overwrite, dout);
  Tensor dqkv(queue, a.dtype(), saved.qkv.shape());
  attention_backward(queue, plan, heads_, dout, saved.qkv, saved.out, saved.lse, bias, dqkv);
  ConstView const d = dqkv.view();
  if (View dbias = store_->gradient(q_bias_)) bias_backward(queue, d.columns(0, width_), dbias);
  if (View dbias = store_->gradient(v_bias_))
    bias_backward(queue, d.columns(2 * width_, width_), dbias);
  return region_.enter_backward(queue, qkv_.backward(queue, d, a), shares);
}

}  // namespace accord
