#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

/// A group whose members compute on devices and talk through their hosts: every call copies what it
/// sends to host memory, lets `group` do its work there, and copies back. Several ranks may share
/// one device, which NCCL refuses; sums run in rank order, as on the CPU. For tests, and for
/// machines without NCCL: it is slow. Views may be in device or host memory.
class StagedCommunicator final : public GroupCommunicator {
 public:
  /// `group` works on host memory.
  explicit StagedCommunicator(std::unique_ptr<GroupCommunicator> group);

  int rank() const override { return group_->rank(); }
  int size() const override { return group_->size(); }
  void all_reduce(Queue& queue, View x, Reduce op = Reduce::sum) override;
  void all_gather(Queue& queue, ConstView send, View gathered) override;
  void reduce_scatter(Queue& queue, ConstView send, View part) override;
  void broadcast(Queue& queue, View x, int root) override;
  void barrier(Queue& queue) override;
  std::unique_ptr<Request> start_send_receive(Queue& queue, ConstView send, int to, View receive,
                                              int from) override;
  std::unique_ptr<Request> start_reduce_scatter(Queue& queue, ConstView send, View part) override;
  std::unique_ptr<GroupCommunicator> split(int color, int key) override;

 private:
  class StagedRequest;
  Tensor down(Queue& queue, ConstView view);

  std::unique_ptr<GroupCommunicator> group_;
  Queue host_{Backend::cpu};
};

}  // namespace accord::parallel
