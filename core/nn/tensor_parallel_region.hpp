#pragma once

#include "core/comm/communicator.hpp"
#include "core/tensor/parameter_store.hpp"

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

  /// How parameters lie over the group: those used inside, and those used on the rows outside. In a
  /// region of one rank both are replicated, whoever else holds them.
  Distribution inside() const {
    return size() > 1 ? Distribution::split : Distribution::replicated;
  }
  Distribution outside() const {
    return size() > 1 ? Distribution::partial : Distribution::replicated;
  }

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
