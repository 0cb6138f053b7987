#include "parallel/comm/traced_communicator.hpp"

#include <utility>

namespace accord::parallel {
namespace {

TraceValue bytes_value(std::size_t bytes) { return {"bytes", static_cast<std::int64_t>(bytes)}; }

}  // namespace

class TracedCommunicator::TracedRequest final : public Request {
 public:
  TracedRequest(Queue& queue, std::string const& name, Activity waiting, std::size_t bytes)
      : trace_(queue.trace()),
        name_(name),
        waiting_(waiting),
        bytes_(bytes),
        began_(trace_ ? trace_->now() : Trace::Clock::duration{}) {}

  void follow(std::unique_ptr<Request> request) { request_ = std::move(request); }

  void wait(Queue& queue) override {
    TraceSpan const span(queue, waiting_, name_.c_str());
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
      trace->add_transfer(name_.c_str(), bytes_value(bytes_), began_);
  }

  Trace* trace_;
  std::string const& name_;
  Activity waiting_;
  std::size_t bytes_;
  Trace::Clock::duration began_;
  std::unique_ptr<Request> request_;
};

TracedCommunicator::TracedCommunicator(std::unique_ptr<Communicator> group, std::string const& name,
                                       Waiting waiting)
    : group_(std::move(group)),
      waiting_(waiting),
      all_reduce_(name + " all_reduce"),
      all_gather_(name + " all_gather"),
      reduce_scatter_(name + " reduce_scatter"),
      broadcast_(name + " broadcast"),
      barrier_(name + " barrier"),
      send_receive_(name + " send_receive") {}

TraceSpan TracedCommunicator::span(Queue& queue, std::string const& call, std::size_t bytes) const {
  return TraceSpan(queue, waiting_.in_collectives, call.c_str(), bytes_value(bytes));
}

void TracedCommunicator::all_reduce(Queue& queue, View x, Reduce op) {
  TraceSpan const traced = span(queue, all_reduce_, x.bytes());
  group_->all_reduce(queue, x, op);
}

void TracedCommunicator::all_gather(Queue& queue, ConstView send, View gathered) {
  TraceSpan const traced = span(queue, all_gather_, send.bytes());
  group_->all_gather(queue, send, gathered);
}

void TracedCommunicator::reduce_scatter(Queue& queue, ConstView send, View part) {
  TraceSpan const traced = span(queue, reduce_scatter_, send.bytes());
  group_->reduce_scatter(queue, send, part);
}

void TracedCommunicator::broadcast(Queue& queue, View x, int root) {
  TraceSpan const traced = span(queue, broadcast_, x.bytes());
  group_->broadcast(queue, x, root);
}

void TracedCommunicator::barrier(Queue& queue) {
  TraceSpan const traced = span(queue, barrier_, 0);
  group_->barrier(queue);
}

std::unique_ptr<Request> TracedCommunicator::start_send_receive(Queue& queue, ConstView send,
                                                                int to, View receive, int from) {
  std::size_t const bytes = to >= 0 ? send.bytes() : receive.bytes();
  auto request =
      std::make_unique<TracedRequest>(queue, send_receive_, waiting_.for_messages, bytes);
  TraceSpan const traced(queue, waiting_.for_messages, send_receive_.c_str(), bytes_value(bytes));
  request->follow(group_->start_send_receive(queue, send, to, receive, from));
  return request;
}

std::unique_ptr<Request> TracedCommunicator::start_reduce_scatter(Queue& queue, ConstView send,
                                                                  View part) {
  auto request = std::make_unique<TracedRequest>(queue, reduce_scatter_, waiting_.in_collectives,
                                                 send.bytes());
  TraceSpan const traced = span(queue, reduce_scatter_, send.bytes());
  request->follow(group_->start_reduce_scatter(queue, send, part));
  return request;
}

}  // namespace accord::parallel
