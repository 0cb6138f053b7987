#pragma once

#include <array>
#include <memory>
#include <string>

#include "core/base/trace.hpp"
#include "parallel/comm/forwarding_communicator.hpp"

namespace accord::parallel {

/// Notes in the queue's trace how long each call kept this rank, with the bytes it sends (or
/// receives, where it sends none), and from when to when a started transfer was under way. Without
/// a trace it only passes calls on. Must outlive the traces it wrote to.
class TracedCommunicator final : public ForwardingCommunicator {
 public:
  /// What time counts as: in collective calls, and in those that send and receive messages.
  struct Waiting {
    Activity in_collectives = Activity::communication, for_messages = Activity::communication;
  };
  /// `name` says in the trace which group this is.
  TracedCommunicator(std::unique_ptr<GroupCommunicator> group, std::string const& name,
                     Waiting waiting);

 private:
  class TracedRequest;

  void run(Queue& queue, Call const& call) override;
  std::unique_ptr<Request> start_call(Queue& queue, Call const& call) override;
  Activity waiting_in(Call const& call) const {
    return call.kind == CallKind::send_receive ? waiting_.for_messages : waiting_.in_collectives;
  }
  /// "data all_reduce". A trace keeps the pointer.
  char const* name_in_trace(Call const& call) const {
    return names_[static_cast<std::size_t>(call.kind)].c_str();
  }

  Waiting waiting_;
  std::array<std::string, call_kinds> names_;
};

}  // namespace accord::parallel
