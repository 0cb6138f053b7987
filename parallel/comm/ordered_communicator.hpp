#pragma once

#include <cstddef>
#include <span>

#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

/// The reductions of a group on the host, over transfers that a transport (MPI, threads) provides.
/// A library's own reduction may sum in another order for each size and rank count; here every
/// element is summed in rank order, once, by one rank (or by all in the same way), so equal inputs
/// give equal bits on every rank and in every run.
class OrderedCommunicator : public GroupCommunicator {
 public:
  void all_reduce(Queue& queue, View x, Reduce op = Reduce::sum) final;
  void reduce_scatter(Queue& queue, ConstView send, View part) final;
  /// `part` may be elements [rank * n, (rank + 1) * n) of `send` itself: it is written in wait().
  std::unique_ptr<Request> start_reduce_scatter(Queue& queue, ConstView send, View part) final;
  std::unique_ptr<Request> start_send_receive(Queue& queue, ConstView send, int to, View receive,
                                              int from) final;
  std::unique_ptr<Request> start_all_reduce(Queue& queue, View x, Reduce op = Reduce::sum) final;

 protected:
  struct Outgoing {
    int to;
    void const* data;
    std::size_t bytes;
  };
  struct Incoming {
    int from;
    void* data;
    std::size_t bytes;
  };
  /// Messages under way. wait() returns when all have left and arrived; destruction waits too,
  /// except while an exception unwinds: the peers may never answer.
  class Transfers {
   public:
    virtual ~Transfers() = default;
    virtual void wait() = 0;
    virtual bool done() = 0;
  };
  /// What a message can be taken for: those of one lane never meet those of the other.
  enum class Lane : std::uint8_t {
    calls,                ///< that all ranks make in the same order
    started_all_reduces,  ///< that each rank starts when it is ready, whatever else is under way
  };
  /// Messages of a lane between two ranks arrive in the order in which they were started. None goes
  /// to the sender itself.
  virtual std::unique_ptr<Transfers> start_transfers(Lane lane, std::span<Outgoing const> outgoing,
                                                     std::span<Incoming const> incoming) = 0;

 private:
  /// Where received shares are held: the queue's memory, or the host's where that is a device's.
  Queue& room(Queue& queue) { return queue.backend() == Backend::cuda ? host_ : queue; }

  Queue host_{Backend::cpu};
  class Reduction;
  class TransferRequest;
  std::unique_ptr<Request> start_reduction(Queue& queue, ConstView send, View part, Reduce op);
};

}  // namespace accord::parallel
