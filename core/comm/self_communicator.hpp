#pragma once

#include "core/comm/communicator.hpp"

namespace accord {

/// A group of one: every reduction is the identity. The default of every module, so that model code
/// never asks whether it runs in parallel.
class SelfCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce(Queue&, View, Reduce) override {}
  void all_gather(Queue& queue, ConstView send, View gathered) override;
  void reduce_scatter(Queue& queue, ConstView send, View part) override;
  void broadcast(Queue&, View, int) override {}
  void barrier(Queue&) override {}
  std::unique_ptr<Request> start_send_receive(Queue& queue, ConstView send, int to, View receive,
                                              int from) override;
  std::unique_ptr<Request> start_reduce_scatter(Queue& queue, ConstView send, View part) override;
  std::unique_ptr<Request> start_all_reduce(Queue& queue, View x, Reduce op) override;
};

}  // namespace accord
