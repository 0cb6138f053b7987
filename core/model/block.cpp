#include "core/model/block.hpp"

#include <algorithm>
#include <limits>

#include "core/ops/residual.hpp"

namespace accord {
namespace {

// Parameters used on rows outside the regions.
int add_vector(ParameterScope const& scope, TensorParallelRegion region, std::string const& name,
               Index n, double value) {
  return scope.add({name, {n}, constant_init(value), region.outside()});
}

LayerNorm add_norm(ParameterScope const& scope, TensorParallelRegion region,
                   std::string const& name, Index n) {
  int const weight = add_vector(scope, region, name + ".weight", n, 1);
  return {scope.store(), weight, add_vector(scope, region, name + ".bias", n, 0)};
}

// Rows of a branch that this rank works on outside its region.
Index own_rows(BranchRows const& branch, ConstView stream) {
  return branch.rows ? branch.rows.size() : stream.rows();
}

Tensor copy_of(Queue& queue, ConstView x) {
  Tensor result(queue, x.dtype(), x.shape());
  copy(queue, x, result);
  return result;
}

}  // namespace

Block::Block(ParameterScope const& scope, StackConfig const& config,
             std::vector<std::string> const& modalities, TensorParallelRegion region)
    : store_(&scope.store()),
      region_(region),
      first_parameter_(store_->count()),
      gamma_1_(config.layer_scale_init != 0
                   ? add_vector(scope, region, "gamma_1", config.embed_dim, config.layer_scale_init)
                   : -1),
      gamma_2_(config.layer_scale_init != 0
                   ? add_vector(scope, region, "gamma_2", config.embed_dim, config.layer_scale_init)
                   : -1),
      attention_norm_(add_norm(scope, region, "self_attn_layer_norm", config.embed_dim)),
      ffn_norm_(add_norm(scope, region, "final_layer_norm", config.embed_dim)),
      attention_(scope / "self_attn", config.embed_dim, config.heads, region) {
  for (std::string const& name : modalities)
    ffn_.emplace_back(scope / (name + "_ffn"), config.embed_dim, config.ffn_dim, region);
}

Index Block::flat_begin() const {
  for (int id = first_parameter_; id < store_->count(); ++id)
    if (store_->spec(id).trainable) return store_->flat_begin(id);
  return std::numeric_limits<Index>::max();
}

Tensor Block::forward(Queue& queue, BranchRows const& attention_rows, BranchRows const& ffn_rows,
                      std::span<PositionBias const> bias, DenseBias const* dense, Tensor x,
                      Recompute recompute, Saved* saved) const {
  Saved discarded;
  Saved& s = saved ? *saved : discarded;
  auto begin_branch = [&](Tensor& kept) {  // keeps the stream as it is before a branch adds to it
    if (saved) kept = copy_of(queue, x);
  };
  bool const keep_inputs = saved && recompute == Recompute::none;

  begin_branch(s.x);
  if (attention_rows.count > 0) {
    Tensor a = attention_norm_.forward(queue, x, attention_rows.rows, s.attention_norm);
    Tensor branch = attention_.forward(queue, a, attention_rows.attention, bias, dense, recompute,
                                       s.attention, attention_rows.shares);
    residual_forward(queue, branch, attention_rows.rows, attention_rows.row_scale, gamma(gamma_1_),
                     x);
    if (keep_inputs) s.attention_input = std::move(a);
    if (saved && gamma_1_ >= 0) s.attention_branch = std::move(branch);
    if (!saved) s.attention = {};
  }

  begin_branch(s.mid);
  if (ffn_rows.count > 0) {
    Tensor own = ffn_norm_.forward(queue, x, ffn_rows.rows, s.ffn_norm);
    Tensor room;
    ConstView const y = region_.enter_forward(queue, own, ffn_rows.shares, room);
    Tensor branch(queue, y.dtype(), y.shape());
    s.ffn.resize(ffn_rows.groups.size());
    for (std::size_t g = 0; g < ffn_rows.groups.size(); ++g) {
      RowGroup const& group = ffn_rows.groups[g];
      ffn_[static_cast<std::size_t>(group.modality)].forward(
          queue, y.rows(group.row, group.length), recompute,
          branch.view().rows(group.row, group.length), s.ffn[g]);
      if (!saved) s.ffn[g] = {};
    }
    room = {};
    branch = region_.leave_forward(queue, std::move(branch), ffn_rows.shares);
    for (RowGroup const& group : ffn_rows.own_groups)
      ffn_[static_cast<std::size_t>(group.modality)].add_bias(
          queue, branch.view().rows(group.row, group.length));
    residual_forward(queue, branch, ffn_rows.rows, ffn_rows.row_scale, gamma(gamma_2_), x);
    if (keep_inputs) s.ffn_input = std::move(own);
    if (saved && gamma_2_ >= 0) s.ffn_branch = std::move(branch);
  }
  return x;
}

Tensor Block::backward(Queue& queue, BranchRows const& attention_rows, BranchRows const& ffn_rows,
                       std::span<PositionBias const> bias, DenseBias const* dense, Tensor dx,
                       Saved& saved) const {
  Index const width = dx.shape()[1];
  if (ffn_rows.count > 0) {
    Tensor own_dbranch(queue, dx.dtype(), Shape{own_rows(ffn_rows, dx), width});
    residual_backward(queue, dx, saved.ffn_branch, ffn_rows.rows, ffn_rows.row_scale,
                      gamma(gamma_2_), own_dbranch, dgamma(gamma_2_));
    for (RowGroup const& group : ffn_rows.own_groups)
      ffn_[static_cast<std::size_t>(group.modality)].add_bias_backward(
          queue, own_dbranch.view().rows(group.row, group.length));
    Tensor const rebuilt =
        saved.ffn_input ? Tensor{} : ffn_norm_.recompute(queue, saved.mid, ffn_rows.rows);
    Tensor room, dbranch_room;
    ConstView const y = region_.enter_forward(
        queue, saved.ffn_input ? saved.ffn_input.view() : rebuilt.view(), ffn_rows.shares, room);
    ConstView const dbranch =
        region_.leave_backward(queue, own_dbranch, ffn_rows.shares, dbranch_room);
    Tensor dy(queue, dx.dtype(), dbranch.shape());
    for (std::size_t g = 0; g < ffn_rows.groups.size(); ++g) {
      RowGroup const& group = ffn_rows.groups[g];
      ffn_[static_cast<std::size_t>(group.modality)].backward(
          queue, dbranch.rows(group.row, group.length), y.rows(group.row, group.length),
          saved.ffn[g], dy.view().rows(group.row, group.length));
    }
    dy = region_.enter_backward(queue, std::move(dy), ffn_rows.shares);
    ffn_norm_.backward(queue, dy, saved.mid, ffn_rows.rows, saved.ffn_norm, Write::accumulate, dx);
  }
  saved.mid = {};
  if (attention_rows.count > 0) {
    Tensor dbranch(queue, dx.dtype(), Shape{own_rows(attention_rows, dx), width});
    residual_backward(queue, dx, saved.attention_branch, attention_rows.rows,
                      attention_rows.row_scale, gamma(gamma_1_), dbranch, dgamma(gamma_1_));
    Tensor const rebuilt = saved.attention_input
                               ? Tensor{}
                               : attention_norm_.recompute(queue, saved.x, attention_rows.rows);
    ConstView const a = saved.attention_input ? saved.attention_input.view() : rebuilt.view();
    Tensor const da = attention_.backward(queue, dbranch, a, attention_rows.attention, bias, dense,
                                          saved.attention, attention_rows.shares);
    attention_norm_.backward(queue, da, saved.x, attention_rows.rows, saved.attention_norm,
                             Write::accumulate, dx);
  }
  saved = {};
  return dx;
}

}  // namespace accord
