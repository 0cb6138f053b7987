#pragma once

#include <memory>
#include <string>

#include "core/base/trace.hpp"
#include "core/comm/communicator.hpp"

namespace accord::parallel {

/// Notes in the queue's trace how long each call kept this rank, with the bytes it sends (or
/// receives, where it sends none), and from when to when a started transfer was under way. Without
/// a trace it only passes calls on. Must outlive the traces it wrote to.
class TracedCommunicator final : public Communicator {
 public:
  /// What time counts as: in collective calls, and in those that send and receive messages.
  struct Waiting {
    Activity in_collectives = Activity::communication, for_messages = Activity::communication;
  };
  /// `name` says in the trace which group this is.
  TracedCommunicator(std::unique_ptr<Communicator> group, std::string const& name, Waiting waiting);

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

 private:
  class TracedRequest;

  /// Of a collective call; `call` is one of the names below.
  TraceSpan span(Queue& queue, std::string const& call, std::size_t bytes) const;

  std::unique_ptr<Communicator> group_;
  Waiting waiting_;
  std::string all_reduce_, all_gather_, reduce_scatter_, broadcast_, barrier_, send_receive_;
};

}  // namespace accord::parallel
