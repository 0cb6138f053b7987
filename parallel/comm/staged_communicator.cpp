#include "parallel/comm/staged_communicator.hpp"

#include <utility>

namespace accord::parallel {

/// A call as the hosts make it: what it sends and receives, in host memory.
class StagedCommunicator::HostCopy {
 public:
  /// Waits for the queue, and with it for whatever computes what is sent.
  HostCopy(Queue& queue, Queue& host, Call const& call)
      : call_(call),
        receive_(call.receive),
        sent_(host, call.send.dtype(), Shape{call.send.size()}),
        arriving_(host, call.receive.dtype(), Shape{call.receive.size()}) {
    transfer(queue, call.send, sent_);
    if (call.in_place()) transfer(queue, call.receive, arriving_);
    queue.wait();
    call_.send = sent_;
    call_.receive = arriving_;
  }
  Call const& call() const { return call_; }
  /// When the hosts are done: what came, to where the caller wants it. Waits, because the copy is
  /// made from memory that goes away.
  void bring_back(Queue& queue) {
    transfer(queue, arriving_.view(), receive_);
    queue.wait();
  }

 private:
  static void transfer(Queue& queue, ConstView from, View to) {
    if (from.size() > 0) copy(queue, from, to.reshaped(from.shape()));
  }

  Call call_;
  View receive_;  ///< the caller's
  Tensor sent_, arriving_;
};

class StagedCommunicator::StagedRequest final : public Request {
 public:
  StagedRequest(HostCopy copy, GroupCommunicator& group, Queue& host)
      : copy_(std::move(copy)), request_(start(group, host, copy_.call())) {}

  bool done(Queue& queue) override { return !request_ || request_->done(queue); }
  void wait(Queue& queue) override {
    auto const request = std::move(request_);
    if (!request) return;
    request->wait(queue);
    copy_.bring_back(queue);
  }

 private:
  HostCopy copy_;
  std::unique_ptr<Request> request_;  ///< destroyed first: it may still use the memory above
};

StagedCommunicator::StagedCommunicator(std::unique_ptr<GroupCommunicator> group)
    : ForwardingCommunicator(std::move(group)) {}

void StagedCommunicator::run(Queue& queue, Call const& call) {
  HostCopy copy(queue, host_, call);
  carry_out(group(), host_, copy.call());
  copy.bring_back(queue);
}

std::unique_ptr<Request> StagedCommunicator::start_call(Queue& queue, Call const& call) {
  return std::make_unique<StagedRequest>(HostCopy(queue, host_, call), group(), host_);
}

std::unique_ptr<GroupCommunicator> StagedCommunicator::split(int color, int key) {
  return std::make_unique<StagedCommunicator>(group().split(color, key));
}

}  // namespace accord::parallel
