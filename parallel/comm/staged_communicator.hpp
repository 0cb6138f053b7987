#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/comm/forwarding_communicator.hpp"

namespace accord::parallel {

/// A group whose members compute on devices and talk through their hosts: every call copies what it
/// sends to host memory, lets `group` do its work there, and copies back. Several ranks may share
/// one device, which NCCL refuses; sums run in rank order, as on the CPU. For tests, and for
/// machines without NCCL: it is slow. Views may be in device or host memory.
class StagedCommunicator final : public ForwardingCommunicator {
 public:
  /// `group` works on host memory.
  explicit StagedCommunicator(std::unique_ptr<GroupCommunicator> group);

  std::unique_ptr<GroupCommunicator> split(int color, int key) override;

 private:
  class HostCopy;
  class StagedRequest;

  void run(Queue& queue, Call const& call) override;
  std::unique_ptr<Request> start_call(Queue& queue, Call const& call) override;

  Queue host_{Backend::cpu};
};

}  // namespace accord::parallel
