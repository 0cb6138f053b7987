#include "parallel/comm/traced_communicator.hpp"

#include <utility>

namespace accord::parallel {
namespace {

TraceValue bytes_of(Call const& call) {
  return {"bytes", static_cast<std::int64_t>(call.data().bytes())};
}

}  // namespace

class TracedCommunicator::TracedRequest final : public Request {
 public:
  TracedRequest(Queue& queue, char const* name, Activity waiting, TraceValue bytes)
      : trace_(queue.trace()),
        name_(name),
        waiting_(waiting),
        bytes_(bytes),
        began_(trace_ ? trace_->now() : Trace::Clock::duration{}) {}

  void follow(std::unique_ptr<Request> request) { request_ = std::move(request); }

  void wait(Queue& queue) override {
    TraceSpan const span(queue, waiting_, name_);
    request_->wait(queue);
    note_end(queue);
  }
  bool done(Queue& queue) override {
    bool const ended = request_->done(queue);
    if (ended) note_end(queue);
    return ended;
  }

 private:
  // Once, when this rank first sees it. A trace that began or ended meanwhile does not know the
  // beginning.
  void note_end(Queue& queue) {
    if (Trace* const trace = std::exchange(trace_, nullptr); trace && trace == queue.trace())
      trace->add_transfer(name_, bytes_, began_);
  }

  Trace* trace_;
  char const* name_;
  Activity waiting_;
  TraceValue bytes_;
  Trace::Clock::duration began_;
  std::unique_ptr<Request> request_;
};

TracedCommunicator::TracedCommunicator(std::unique_ptr<GroupCommunicator> group,
                                       std::string const& name, Waiting waiting)
    : ForwardingCommunicator(std::move(group)), waiting_(waiting) {
  for (std::size_t kind = 0; kind < call_kinds; ++kind)
    names_[kind] = name + ' ' + name_of(static_cast<CallKind>(kind));
}

void TracedCommunicator::run(Queue& queue, Call const& call) {
  TraceSpan const span(queue, waiting_in(call), name_in_trace(call), bytes_of(call));
  carry_out(group(), queue, call);
}

std::unique_ptr<Request> TracedCommunicator::start_call(Queue& queue, Call const& call) {
  // Made before the call, which may send at once: its time is part of the transfer's.
  auto request =
      std::make_unique<TracedRequest>(queue, name_in_trace(call), waiting_in(call), bytes_of(call));
  TraceSpan const span(queue, waiting_in(call), name_in_trace(call), bytes_of(call));
  request->follow(start(group(), queue, call));
  return request;
}

}  // namespace accord::parallel
