#include "parallel/comm/forwarding_communicator.hpp"

namespace accord::parallel {

void ForwardingCommunicator::all_reduce(Queue& queue, View x, Reduce op) {
  run(queue, {.kind = CallKind::all_reduce, .receive = x, .op = op});
}

void ForwardingCommunicator::all_gather(Queue& queue, ConstView send, View gathered) {
  run(queue, {.kind = CallKind::all_gather, .send = send, .receive = gathered});
}

void ForwardingCommunicator::reduce_scatter(Queue& queue, ConstView send, View part) {
  run(queue, {.kind = CallKind::reduce_scatter, .send = send, .receive = part});
}

void ForwardingCommunicator::broadcast(Queue& queue, View x, int root) {
  run(queue, {.kind = CallKind::broadcast, .receive = x, .from = root});
}

void ForwardingCommunicator::barrier(Queue& queue) { run(queue, {.kind = CallKind::barrier}); }

// The view of a side that is not there may be a default one, which claims to be one element.
std::unique_ptr<Request> ForwardingCommunicator::start_send_receive(Queue& queue, ConstView send,
                                                                    int to, View receive,
                                                                    int from) {
  return start_call(queue, {.kind = CallKind::send_receive,
                            .send = to >= 0 ? send : Call::nothing(),
                            .receive = from >= 0 ? receive : Call::nothing(),
                            .to = to,
                            .from = from});
}

std::unique_ptr<Request> ForwardingCommunicator::start_reduce_scatter(Queue& queue, ConstView send,
                                                                      View part) {
  return start_call(queue, {.kind = CallKind::reduce_scatter, .send = send, .receive = part});
}

std::unique_ptr<Request> ForwardingCommunicator::start_all_reduce(Queue& queue, View x, Reduce op) {
  return start_call(queue, {.kind = CallKind::all_reduce, .receive = x, .op = op});
}

}  // namespace accord::parallel
