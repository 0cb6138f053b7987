#pragma once

#include <vector>

#include "core/comm/communicator.hpp"
#include "core/tensor/parameter_store.hpp"

namespace accord {

/// Who holds which rows outside the tensor-parallel regions: under sequence parallelism rank r of
/// the group holds rows [begin[r], begin[r + 1]); otherwise `begin` is empty and each holds all.
struct RowShares {
  std::vector<Index> begin;

  bool split() const { return !begin.empty(); }
  Index first(int rank) const { return begin[static_cast<std::size_t>(rank)]; }
  Index count(int rank) const { return first(rank + 1) - first(rank); }
  /// Rows of a message that has room for any rank's share.
  Index largest() const;
};

/// The border of a tensor-parallel region (attention, FFN): inside it each rank of the group works
/// on its slice of heads or hidden width, on all rows. Outside, every rank holds the same rows:
/// then entering costs nothing forward and one sum backward, leaving one sum forward and nothing
/// backward (Shoeybi et al., Megatron-LM, section 3). With sequence parallelism the rows outside
/// are split over the group: entering is an all-gather forward and a reduce-scatter backward,
/// leaving the reverse (Korthikanti et al., Reducing activation recomputation, section 4.2.2).
/// Messages are padded to equal shares with dead rows, which exist nowhere else.
class TensorParallelRegion {
 public:
  /// The group must outlive the region. split_rows: sequence parallelism.
  explicit TensorParallelRegion(Communicator& group, bool split_rows = false)
      : group_(&group), split_rows_(split_rows && group.size() > 1) {}

  Communicator& group() const { return *group_; }
  int size() const { return group_->size(); }

  /// How parameters lie over the group: those used inside, and those used on the rows outside. In a
  /// region of one rank both are replicated, whoever else holds them.
  Distribution inside() const {
    return size() > 1 ? Distribution::split : Distribution::replicated;
  }
  Distribution outside() const {
    return size() > 1 ? Distribution::partial : Distribution::replicated;
  }

  /// Consecutive shares of a stream of rows, as equal as can be.
  RowShares share(Index rows) const;
  /// What of them this rank holds: first row and count.
  Index own_first(RowShares const& shares) const {
    return shares.split() ? shares.first(group_->rank()) : 0;
  }
  Index own_count(RowShares const& shares, Index rows) const {
    return shares.split() ? shares.count(group_->rank()) : rows;
  }

  // `shares` says how the rows of this call lie over the group; own: [this rank's, d], all: [rows,
  // d].

  /// \returns all rows: `own` itself where they are not split, otherwise a view of `room`
  ConstView enter_forward(Queue& queue, ConstView own, RowShares const& shares,
                          Tensor& room) const {
    return gather(queue, own, shares, room);
  }
  /// Consumes this rank's partial sums of all rows   \returns the whole sums of its own
  Tensor leave_forward(Queue& queue, Tensor partial, RowShares const& shares) const {
    return sum(queue, std::move(partial), shares);
  }
  /// From the gradient of what leave_forward() returned to that of what it took.
  ConstView leave_backward(Queue& queue, ConstView own, RowShares const& shares,
                           Tensor& room) const {
    return gather(queue, own, shares, room);
  }
  /// From this rank's contribution to the gradient of what enter_forward() returned to the gradient
  /// of what it took.
  Tensor enter_backward(Queue& queue, Tensor partial, RowShares const& shares) const {
    return sum(queue, std::move(partial), shares);
  }

  // Between split rows and what every rank computes alike (adapters, heads): gradients there are
  // the same on all ranks, so neither direction sums.

  /// All rows, from what each rank holds of them.
  Tensor unite(Queue& queue, Tensor own, RowShares const& shares) const;
  /// The rows that this rank holds.
  Tensor take_own(Queue& queue, Tensor all, RowShares const& shares) const;

 private:
  ConstView gather(Queue& queue, ConstView own, RowShares const& shares, Tensor& room) const;
  Tensor sum(Queue& queue, Tensor partial, RowShares const& shares) const;

  Communicator* group_;
  bool split_rows_;
};

}  // namespace accord
