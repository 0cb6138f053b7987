#pragma once

#include "core/base/stream.hpp"
#include "parallel/comm/forwarding_communicator.hpp"

struct ncclComm;

namespace accord::parallel {

/// A group of ranks with a device each. Calls are enqueued on a stream of the group's own, behind
/// what the caller's queue holds, and the queue goes on behind them; start_*() leaves the queue
/// free until wait(). Sums run in the library's order: the same bits from run to run on the same
/// ranks, but not those of the CPU. Maxima are of host memory alone: NCCL's forget a NaN.
/// `control`, a group of the same ranks on the host, carries the id of a group that is made, is
/// what split() cuts, and does what is asked of views in host memory.
///
/// When NCCL reports that a peer or the network failed, the next call, or a host that waits for the
/// queue, throws Error; the groups that work on the queue are aborted first, so that nothing on the
/// device waits for them.
class NcclCommunicator final : public ForwardingCommunicator {
 public:
  /// Collective over `control`. All calls come with `queue`, which must outlive the group.
  /// \throws Error naming the call and NCCL's reason.
  NcclCommunicator(Queue& queue, std::unique_ptr<GroupCommunicator> control);
  ~NcclCommunicator() override;

  std::unique_ptr<GroupCommunicator> split(int color, int key) override;

 private:
  class NcclRequest;
  /// A barrier is the host's too: it waits until all ranks' queues have come there.
  void run(Queue& queue, Call const& call) override;
  std::unique_ptr<Request> start_call(Queue& queue, Call const& call) override;
  /// Puts the call on the group's stream, behind the queue's work.
  void enqueue(Queue& queue, Call const& call);
  void launch(Call const& call);
  /// The queue goes on behind what the group's stream holds.
  void join(Queue& queue);
  /// \throws Error when NCCL reports that a peer or the network failed.
  void poll();
  /// Ends what waits for peers, on the device.
  void abandon();

  Queue& queue_;
  Queue host_{Backend::cpu};
  ncclComm* comm_ = nullptr;
  cuda::Stream stream_;
  cuda::Event before_, behind_;
  cuda::Stream::Watch watch_;
};

}  // namespace accord::parallel
