#pragma once

#include "core/comm/communicator.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

/// The border of a tensor-parallel region (attention, FFN): inside it each rank of the group works
/// on its slice of heads or hidden width; outside, every rank holds the same rows. Entering costs
/// nothing forward and one sum backward, leaving one sum forward and nothing backward (Shoeybi et
/// al., Megatron-LM, section 3).
class TensorParallelRegion {
 public:
  /// The group must outlive the region.
  explicit TensorParallelRegion(Communicator& group) : group_(&group) {}

  Communicator& group() const { return *group_; }
  int size() const { return group_->size(); }

  /// y [rows, d]: each rank's partial sum becomes the whole.
  void leave_forward(Queue& queue, View y) const { sum(queue, y); }
  /// dx [rows, d]: the slices' contributions to the gradient of the region's input are added.
  void enter_backward(Queue& queue, View dx) const { sum(queue, dx); }

 private:
  void sum(Queue& queue, View x) const {
    if (group_->size() > 1) group_->all_reduce(queue, x);
  }
  Communicator* group_;
};

}  // namespace accord
