#include "core/model/stack/residual_stream.hpp"

#include "core/ops/residual.hpp"

namespace accord {
namespace {

Tensor room(Queue& queue, BranchRows const& rows, ConstView stream) {
  return {queue, stream.dtype(), Shape{rows.own_count(stream.rows()), stream.columns()}};
}

}  // namespace

Tensor ResidualStream::norm(Queue& queue, LayerNorm const& norm, BranchRows const& rows,
                            LayerNorm::Saved& saved, Tensor* kept) {
  Tensor y = room(queue, rows, x_);
  if (ended_) {
    Tensor sum = memory_ ? std::move(memory_) : Tensor(queue, x_.dtype(), x_.shape());
    saved = LayerNorm::statistics(queue, y);
    residual_norm_forward(queue, x_, {branch_, ended_->index, ended_->row_scale, gamma_},
                          {rows.index, norm.weight(), norm.bias()}, sum, y, saved.mean, saved.rstd);
    memory_ = std::move(sum);
    x_ = memory_;
    ended_ = nullptr;
    branch_memory_ = {};
  } else {
    norm.forward(queue, x_, rows.rows, y, saved);
  }
  if (kept && memory_) *kept = std::move(memory_);
  return y;
}

void ResidualStream::add(Tensor branch, BranchRows const& rows, ConstView gamma, Tensor* kept) {
  ended_ = &rows;
  branch_ = branch;
  gamma_ = gamma;
  (kept ? *kept : branch_memory_) = std::move(branch);
}

Tensor ResidualStream::finish(Queue& queue) && {
  if (!memory_) {
    memory_ = Tensor(queue, x_.dtype(), x_.shape());
    copy(queue, x_, memory_);
  }
  if (ended_) residual_forward(queue, branch_, ended_->rows, ended_->row_scale, gamma_, memory_);
  return std::move(memory_);
}

void ResidualGradient::enter(Queue& queue, End const& end) {
  dbranch = room(queue, end.rows, dx);
  residual_backward(queue, dx, end.values, end.rows.rows, end.rows.row_scale, end.gamma, dbranch,
                    end.dgamma);
}

void ResidualGradient::leave(Queue& queue, ConstView dy, LayerNorm const& norm,
                             BranchRows const& rows, ConstView stream,
                             LayerNorm::Saved const& saved, std::optional<End> const& before) {
  dbranch = {};
  if (!before) {
    norm.backward(queue, dy, stream, rows.rows, saved, Write::accumulate, dx);
    return;
  }
  dbranch = room(queue, before->rows, dx);
  residual_norm_backward(
      queue, dy, stream, {rows.index, norm.weight(), {}}, saved.mean, saved.rstd,
      {before->values, before->rows.index, before->rows.row_scale, before->gamma}, dx, dbranch,
      {norm.dweight(), norm.dbias(), before->dgamma});
}

}  // namespace accord
