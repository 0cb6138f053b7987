#pragma once

#include "core/comm/communicator.hpp"

namespace accord::parallel {

enum class CallKind : std::uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  broadcast,
  barrier,
  send_receive
};
constexpr std::size_t call_kinds = 6;
char const* name_of(CallKind kind);

/// One call of a Communicator as data, so that what stands between a caller and a group
/// (ForwardingCommunicator) treats all kinds alike.
struct Call {
  static View nothing() { return {nullptr, DType::uint8, Shape{0}}; }

  CallKind kind = CallKind::barrier;
  ConstView send = nothing();  ///< what this rank gives, but in place
  View receive = nothing();    ///< what it gets; all_reduce and broadcast work in place, on this
  Reduce op = Reduce::sum;
  int to = -1, from = -1;  ///< of a message; `from` is a broadcast's root too

  bool in_place() const { return kind == CallKind::all_reduce || kind == CallKind::broadcast; }
  /// What this rank gives or, where it gives nothing, gets.
  ConstView data() const { return send.size() > 0 ? send : receive; }
};

/// Makes the call on `group`; it has ended when this returns.
void carry_out(Communicator& group, Queue& queue, Call const& call);
/// Likewise, of the kinds that can be under way while the caller computes.
std::unique_ptr<Request> start(Communicator& group, Queue& queue, Call const& call);

}  // namespace accord::parallel
