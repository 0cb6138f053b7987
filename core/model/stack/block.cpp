#include "core/model/stack/block.hpp"

#include <algorithm>
#include <limits>

#include "core/model/parameter_names.hpp"

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

// What a branch that no sequence takes reads and gives.
Tensor no_rows(Queue& queue, ConstView stream) {
  return {queue, stream.dtype(), Shape{0, stream.columns()}};
}

}  // namespace

Block::Block(ParameterScope const& scope, StackConfig const& config,
             std::vector<std::string> const& modalities, TensorParallelRegion region)
    : store_(&scope.store()),
      region_(region),
      first_parameter_(store_->count()),
      gamma_1_(config.layer_scale_init != 0 ? add_vector(scope, region, official::attention_scale,
                                                         config.embed_dim, config.layer_scale_init)
                                            : -1),
      gamma_2_(config.layer_scale_init != 0 ? add_vector(scope, region, official::ffn_scale,
                                                         config.embed_dim, config.layer_scale_init)
                                            : -1),
      attention_norm_(add_norm(scope, region, official::attention_norm, config.embed_dim)),
      ffn_norm_(add_norm(scope, region, official::ffn_norm, config.embed_dim)),
      attention_(scope / official::attention, config.embed_dim, config.heads, region) {
  for (std::string const& name : modalities)
    ffn_.emplace_back((scope / official::ffn(name)).of_modality(name), config.embed_dim,
                      config.ffn_dim, region);
}

Index Block::flat_begin() const {
  for (int id = first_parameter_; id < store_->count(); ++id)
    if (store_->spec(id).trainable) return store_->flat_begin(id);
  return std::numeric_limits<Index>::max();
}

void Block::forward(Queue& queue, BranchRows const& attention_rows, BranchRows const& ffn_rows,
                    std::span<PositionBias const> bias, ResidualStream& stream, Recompute recompute,
                    Saved* saved) const {
  Tensor* const kept_x = saved ? &saved->x : nullptr;
  if (recompute == Recompute::layer) saved = nullptr;  // of everything else
  Saved discarded;
  Saved& s = saved ? *saved : discarded;
  bool const keep_inputs = saved && recompute == Recompute::none;

  Tensor a = stream.norm(queue, attention_norm_, attention_rows, s.attention_norm, kept_x);
  Tensor branch = attention_rows.count > 0
                      ? attention_.forward(queue, a, attention_rows.attention, bias, recompute,
                                           s.attention, attention_rows.shares)
                      : no_rows(queue, a);
  if (!saved) s.attention = {};
  stream.add(std::move(branch), attention_rows, gamma(gamma_1_),
             saved && gamma_1_ >= 0 ? &saved->attention_branch : nullptr);
  if (keep_inputs)
    s.attention_input = std::move(a);
  else
    a = {};

  Tensor y = stream.norm(queue, ffn_norm_, ffn_rows, s.ffn_norm, saved ? &saved->mid : nullptr);
  branch = ffn_rows.count > 0 ? ffn_forward(queue, ffn_rows, y, recompute, saved ? &s.ffn : nullptr)
                              : no_rows(queue, y);
  stream.add(std::move(branch), ffn_rows, gamma(gamma_2_),
             saved && gamma_2_ >= 0 ? &saved->ffn_branch : nullptr);
  if (keep_inputs) s.ffn_input = std::move(y);
}

Tensor Block::ffn_forward(Queue& queue, BranchRows const& rows, ConstView own, Recompute recompute,
                          std::vector<GegluFfn::Saved>* saved) const {
  Tensor room;
  ConstView const y = region_.enter_forward(queue, own, rows.shares, room);
  Tensor branch(queue, y.dtype(), y.shape());
  if (saved) saved->resize(rows.groups.size());
  for (std::size_t g = 0; g < rows.groups.size(); ++g) {
    RowGroup const& group = rows.groups[g];
    GegluFfn::Saved discarded;
    ffn_[group.modality.index()].forward(queue, y.rows(group.row, group.length), recompute,
                                         branch.view().rows(group.row, group.length),
                                         saved ? (*saved)[g] : discarded);
  }
  room = {};
  branch = region_.leave_forward(queue, std::move(branch), rows.shares);
  for (RowGroup const& group : rows.own_groups)
    ffn_[group.modality.index()].add_bias(queue, branch.view().rows(group.row, group.length));
  return branch;
}

ResidualGradient::End Block::ffn_end(BranchRows const& ffn_rows, Saved const& saved) const {
  return end(ffn_rows, saved.ffn_branch, gamma_2_);
}

void Block::backward(Queue& queue, BranchRows const& attention_rows, BranchRows const& ffn_rows,
                     std::span<PositionBias const> bias,
                     std::optional<ResidualGradient::End> const& before, ResidualGradient& gradient,
                     Saved& saved) const {
  Tensor d = ffn_rows.count > 0 ? ffn_backward(queue, ffn_rows, gradient.dbranch, saved)
                                : no_rows(queue, gradient.dx);
  gradient.leave(queue, d, ffn_norm_, ffn_rows, saved.mid, saved.ffn_norm,
                 end(attention_rows, saved.attention_branch, gamma_1_));
  saved.mid = {};
  d = no_rows(queue, gradient.dx);
  if (attention_rows.count > 0) {
    if (!saved.attention_input)
      saved.attention_input = attention_norm_.recompute(queue, saved.x, attention_rows.rows);
    d = attention_.backward(queue, gradient.dbranch, saved.attention_input,
                            attention_rows.attention, bias, saved.attention, attention_rows.shares);
  }
  gradient.leave(queue, d, attention_norm_, attention_rows, saved.x, saved.attention_norm, before);
  saved = {};
}

Tensor Block::ffn_backward(Queue& queue, BranchRows const& rows, ConstView own_dbranch,
                           Saved& saved) const {
  for (RowGroup const& group : rows.own_groups)
    ffn_[group.modality.index()].add_bias_backward(queue,
                                                   own_dbranch.rows(group.row, group.length));
  if (!saved.ffn_input) saved.ffn_input = ffn_norm_.recompute(queue, saved.mid, rows.rows);
  Tensor room, dbranch_room;
  ConstView const y = region_.enter_forward(queue, saved.ffn_input, rows.shares, room);
  ConstView const dbranch = region_.leave_backward(queue, own_dbranch, rows.shares, dbranch_room);
  Tensor dy(queue, dbranch.dtype(), dbranch.shape());
  for (std::size_t g = 0; g < rows.groups.size(); ++g) {
    RowGroup const& group = rows.groups[g];
    ffn_[group.modality.index()].backward(queue, dbranch.rows(group.row, group.length),
                                          y.rows(group.row, group.length), saved.ffn[g],
                                          dy.view().rows(group.row, group.length));
  }
  return region_.enter_backward(queue, std::move(dy), rows.shares);
}

}  // namespace accord
