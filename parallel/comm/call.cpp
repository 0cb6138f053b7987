#include "parallel/comm/call.hpp"

#include <array>

#include "core/base/check.hpp"

namespace accord::parallel {

char const* name_of(CallKind kind) {
  static constexpr std::array<char const*, call_kinds> names = {
      "all_reduce", "all_gather", "reduce_scatter", "broadcast", "barrier", "send_receive"};
  return names[static_cast<std::size_t>(kind)];
}

void carry_out(Communicator& group, Queue& queue, Call const& call) {
  switch (call.kind) {
    case CallKind::all_reduce:
      return group.all_reduce(queue, call.receive, call.op);
    case CallKind::all_gather:
      return group.all_gather(queue, call.send, call.receive);
    case CallKind::reduce_scatter:
      return group.reduce_scatter(queue, call.send, call.receive);
    case CallKind::broadcast:
      return group.broadcast(queue, call.receive, call.from);
    case CallKind::barrier:
      return group.barrier(queue);
    case CallKind::send_receive:
      return start(group, queue, call)->wait(queue);
  }
}

std::unique_ptr<Request> start(Communicator& group, Queue& queue, Call const& call) {
  switch (call.kind) {
    case CallKind::send_receive:
      return group.start_send_receive(queue, call.send, call.to, call.receive, call.from);
    case CallKind::reduce_scatter:
      return group.start_reduce_scatter(queue, call.send, call.receive);
    case CallKind::all_reduce:
      return group.start_all_reduce(queue, call.receive, call.op);
    case CallKind::all_gather:
    case CallKind::broadcast:
    case CallKind::barrier:
      break;
  }
  throw Error(fmt::format("{} ends before it returns", name_of(call.kind)));
}

}  // namespace accord::parallel
