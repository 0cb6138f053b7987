#include "parallel/comm/staged_communicator.hpp"

#include <utility>

namespace accord::parallel {
namespace {

/// Between a device and the host, in either direction. Waits.
void transfer(Queue& queue, ConstView from, View to) {
  copy(queue, from, to.reshaped(from.shape()));
  queue.wait();
}

}  // namespace

/// What arrives in host memory and belongs into the caller's view.
class StagedCommunicator::StagedRequest final : public Request {
 public:
  StagedRequest(Tensor sent, Tensor arriving, View to)
      : sent_(std::move(sent)), arriving_(std::move(arriving)), to_(to) {}
  void start(std::unique_ptr<Request> request) { request_ = std::move(request); }
  ConstView sent() const { return sent_; }
  View arriving() { return arriving_; }

  bool done(Queue& queue) override { return !request_ || request_->done(queue); }
  void wait(Queue& queue) override {
    auto const request = std::move(request_);
    if (!request) return;
    request->wait(queue);
    if (to_) transfer(queue, arriving_.view(), to_);
  }

 private:
  Tensor sent_, arriving_;
  View to_;
  std::unique_ptr<Request> request_;  ///< destroyed first: it may still use the memory above
};

StagedCommunicator::StagedCommunicator(std::unique_ptr<GroupCommunicator> group)
    : group_(std::move(group)) {}

Tensor StagedCommunicator::down(Queue& queue, ConstView view) {
  Tensor host(host_, view.dtype(), Shape{view.size()});
  transfer(queue, view, host);
  return host;
}

void StagedCommunicator::all_reduce(Queue& queue, View x, Reduce op) {
  Tensor host = down(queue, x);
  group_->all_reduce(host_, host, op);
  transfer(queue, host.view().reshaped(x.shape()), x);
}

void StagedCommunicator::all_gather(Queue& queue, ConstView send, View gathered) {
  Tensor const mine = down(queue, send);
  Tensor all(host_, send.dtype(), Shape{gathered.size()});
  group_->all_gather(host_, mine, all);
  transfer(queue, all.view().reshaped(gathered.shape()), gathered);
}

void StagedCommunicator::reduce_scatter(Queue& queue, ConstView send, View part) {
  start_reduce_scatter(queue, send, part)->wait(queue);
}

void StagedCommunicator::broadcast(Queue& queue, View x, int root) {
  Tensor host = down(queue, x);
  group_->broadcast(host_, host, root);
  transfer(queue, host.view().reshaped(x.shape()), x);
}

void StagedCommunicator::barrier(Queue& queue) {
  queue.wait();
  group_->barrier(host_);
}

std::unique_ptr<Request> StagedCommunicator::start_send_receive(Queue& queue, ConstView send,
                                                                int to, View receive, int from) {
  auto request = std::make_unique<StagedRequest>(
      to >= 0 ? down(queue, send) : Tensor(),
      from >= 0 ? Tensor(host_, receive.dtype(), Shape{receive.size()}) : Tensor(),
      from >= 0 ? receive : View{});
  request->start(group_->start_send_receive(host_, request->sent(), to, request->arriving(), from));
  return request;
}

std::unique_ptr<Request> StagedCommunicator::start_reduce_scatter(Queue& queue, ConstView send,
                                                                  View part) {
  auto request = std::make_unique<StagedRequest>(
      down(queue, send), Tensor(host_, part.dtype(), Shape{part.size()}), part);
  request->start(group_->start_reduce_scatter(host_, request->sent(), request->arriving()));
  return request;
}

std::unique_ptr<GroupCommunicator> StagedCommunicator::split(int color, int key) {
  return std::make_unique<StagedCommunicator>(group_->split(color, key));
}

}  // namespace accord::parallel
