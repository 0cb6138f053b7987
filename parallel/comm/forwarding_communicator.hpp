#pragma once

#include <memory>

#include "parallel/comm/call.hpp"
#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

/// The ranks of another group, and something done around, or in place of, the calls they make on
/// it. Every call comes to one of two functions, so that a new kind of call is added here and in
/// Call, and in no class derived from this one.
class ForwardingCommunicator : public GroupCommunicator {
 public:
  int rank() const final { return group_->rank(); }
  int size() const final { return group_->size(); }
  void all_reduce(Queue& queue, View x, Reduce op = Reduce::sum) final;
  void all_gather(Queue& queue, ConstView send, View gathered) final;
  void reduce_scatter(Queue& queue, ConstView send, View part) final;
  void broadcast(Queue& queue, View x, int root) final;
  void barrier(Queue& queue) final;
  std::unique_ptr<Request> start_send_receive(Queue& queue, ConstView send, int to, View receive,
                                              int from) final;
  std::unique_ptr<Request> start_reduce_scatter(Queue& queue, ConstView send, View part) final;
  std::unique_ptr<Request> start_all_reduce(Queue& queue, View x, Reduce op = Reduce::sum) final;
  /// Groups of the plain kind, with nothing done around their calls.
  std::unique_ptr<GroupCommunicator> split(int color, int key) override {
    return group_->split(color, key);
  }

 protected:
  explicit ForwardingCommunicator(std::unique_ptr<GroupCommunicator> group)
      : group_(std::move(group)) {}
  GroupCommunicator& group() { return *group_; }

 private:
  /// A call that has ended (on the queue, where that computes later) when this returns.
  virtual void run(Queue& queue, Call const& call) = 0;
  /// A call that is under way from now on.
  virtual std::unique_ptr<Request> start_call(Queue& queue, Call const& call) = 0;

  std::unique_ptr<GroupCommunicator> group_;
};

}  // namespace accord::parallel
