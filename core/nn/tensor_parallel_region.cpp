#include "core/nn/tensor_parallel_region.hpp"

#include <algorithm>

namespace accord {

Index RowShares::largest() const {
  Index most = 0;
  for (std::size_t r = 0; r + 1 < begin.size(); ++r) most = std::max(most, begin[r + 1] - begin[r]);
  return most;
}

RowShares TensorParallelRegion::share(Index rows) const {
  RowShares shares;
  if (!split_rows_) return shares;
  Index const part = (rows + size() - 1) / size();
  for (int rank = 0; rank <= size(); ++rank) shares.begin.push_back(std::min(rank * part, rows));
  return shares;
}

ConstView TensorParallelRegion::gather(Queue& queue, ConstView own, RowShares const& shares,
                                       Tensor& room) const {
  if (!shares.split()) return own;
  Index const rows = shares.begin.back(), part = shares.largest(), width = own.columns();
  room = Tensor(queue, own.dtype(), Shape{rows, width});
  if (rows == 0) return room;
  if (part * size() == rows) {
    group_->all_gather(queue, own, room);
    return room;
  }
  Tensor padded(queue, own.dtype(), Shape{part * size(), width});
  View const mine = padded.view().rows(group_->rank() * part, part);
  copy(queue, own, mine.rows(0, own.rows()));
  zero(queue, mine.rows(own.rows(), part - own.rows()));
  group_->all_gather(queue, mine, padded);
  for (int rank = 0; rank < size(); ++rank)
    copy(queue, padded.view().rows(rank * part, shares.count(rank)),
         room.view().rows(shares.first(rank), shares.count(rank)));
  return room;
}

Tensor TensorParallelRegion::unite(Queue& queue, Tensor own, RowShares const& shares) const {
  if (!shares.split()) return own;
  Tensor all;
  gather(queue, own, shares, all);
  return all;
}

Tensor TensorParallelRegion::take_own(Queue& queue, Tensor all, RowShares const& shares) const {
  if (!shares.split()) return all;
  View const mine = all.view().rows(shares.first(group_->rank()), shares.count(group_->rank()));
  Tensor own(queue, all.dtype(), mine.shape());
  copy(queue, mine, own);
  return own;
}

Tensor TensorParallelRegion::sum(Queue& queue, Tensor partial, RowShares const& shares) const {
  if (!shares.split()) {
    if (size() > 1) group_->all_reduce(queue, partial);
    return partial;
  }
  Index const rows = shares.begin.back(), part = shares.largest(), width = partial.view().columns();
  Tensor own(queue, partial.dtype(), Shape{shares.count(group_->rank()), width});
  if (part * size() == rows) {
    group_->reduce_scatter(queue, partial, own);
    return own;
  }
  Tensor padded = Tensor::zeros(queue, partial.dtype(), Shape{part * size(), width});
  for (int rank = 0; rank < size(); ++rank)
    copy(queue, partial.view().rows(shares.first(rank), shares.count(rank)),
         padded.view().rows(rank * part, shares.count(rank)));
  Tensor received(queue, partial.dtype(), Shape{part, width});
  group_->reduce_scatter(queue, padded, received);
  copy(queue, received.view().rows(0, own.rows()), own);
  return own;
}

}  // namespace accord
