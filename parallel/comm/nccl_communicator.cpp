#include "parallel/comm/nccl_communicator.hpp"

#include <nccl.h>

#include <exception>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/device.hpp"
#include "core/tensor/tensor.hpp"

namespace accord::parallel {
namespace {

void check(ncclResult_t code, ncclComm_t comm, char const* call) {
  if (code == ncclSuccess || code == ncclInProgress) return;
  throw Error(
      fmt::format("{} failed: {}: {}", call, ncclGetErrorString(code), ncclGetLastError(comm)));
}

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return ncclFloat64;
    case DType::float32:
      return ncclFloat32;
    case DType::bfloat16:
      return ncclBfloat16;
    case DType::uint8:
      return ncclUint8;
    case DType::int32:
      return ncclInt32;
    case DType::int64:
      return ncclInt64;
    case DType::uint64:
      return ncclUint64;
  }
  throw Error("NCCL knows no such type");
}

std::size_t count_of(ConstView view) {
  ACCORD_CHECK(view.contiguous(), "NCCL sends contiguous views, not rows {} apart", view.stride());
  return static_cast<std::size_t>(view.size());
}

/// Calls between construction and destruction are one to NCCL, and cannot wait for each other.
struct Group {
  Group() { check(ncclGroupStart(), nullptr, "ncclGroupStart"); }
  ~Group() noexcept(false) {
    ncclResult_t const code = ncclGroupEnd();
    if (std::uncaught_exceptions() == 0) check(code, nullptr, "ncclGroupEnd");
  }
};

}  // namespace

#define ACCORD_NCCL(call) check((call), comm_, #call)

/// Until wait() the queue may run ahead of the group's stream; then the queue waits, not the host.
class NcclCommunicator::NcclRequest final : public Request {
 public:
  NcclRequest(cuda::Stream& stream, Queue& queue) : queue_(queue) { stream.record(done_); }
  ~NcclRequest() override {
    if (std::uncaught_exceptions() == 0) join(queue_);
  }
  bool done(Queue&) override { return done_.passed(); }
  void wait(Queue& queue) override { join(queue); }

 private:
  void join(Queue& queue) {
    if (!std::exchange(joined_, true)) queue.stream().wait_for(done_);
  }
  Queue& queue_;
  cuda::Event done_;
  bool joined_ = false;
};

NcclCommunicator::NcclCommunicator(Queue& queue, std::unique_ptr<GroupCommunicator> control)
    : queue_(queue),
      control_(std::move(control)),
      watch_(
          queue.stream(), [this] { poll(); }, [this] { abandon(); }) {
  ncclUniqueId id{};
  if (rank() == 0) ACCORD_NCCL(ncclGetUniqueId(&id));
  control_->broadcast(host_, View(&id, DType::uint8, Shape{static_cast<Index>(sizeof(id))}), 0);
  ACCORD_NCCL(ncclCommInitRank(&comm_, size(), id, rank()));
}

NcclCommunicator::~NcclCommunicator() {
  // Destroying waits for the peers; a rank that unwinds must not.
  if (std::uncaught_exceptions() > 0)
    abandon();
  else if (comm_)
    (void)ncclCommDestroy(comm_);
}

void NcclCommunicator::abandon() {
  if (comm_) (void)ncclCommAbort(std::exchange(comm_, nullptr));
}

template <class Call>
void NcclCommunicator::enqueue(Queue& queue, char const* name, Call const& call) {
  queue.stream().record(before_);
  stream_.wait_for(before_);
  check(call(stream_.handle()), comm_, name);
  poll();
}

void NcclCommunicator::join(Queue& queue) {
  stream_.record(behind_);
  queue.stream().wait_for(behind_);
}

void NcclCommunicator::poll() {
  ACCORD_CHECK(comm_, "a group of devices that lost a peer is used again");
  ncclResult_t state = ncclSuccess;
  ACCORD_NCCL(ncclCommGetAsyncError(comm_, &state));
  if (state == ncclSuccess || state == ncclInProgress) return;
  Error const error(fmt::format(
      "rank {} of a group of {} devices lost a peer: {}: {}; run again to go on from the last "
      "checkpoint",
      rank(), size(), ncclGetErrorString(state), ncclGetLastError(comm_)));
  abandon();
  throw error;
}

void NcclCommunicator::all_reduce(Queue& queue, View x, Reduce op) {
  if (x.size() == 0) return;
  if (!cuda::is_device_memory(x.data())) return control_->all_reduce(host_, x, op);
  ACCORD_CHECK(op == Reduce::sum, "a maximum over devices would forget a NaN");
  enqueue(queue, "ncclAllReduce", [&](cudaStream_t stream) {
    return ncclAllReduce(x.data(), x.data(), count_of(x), type_of(x.dtype()), ncclSum, comm_,
                         stream);
  });
  join(queue);
}

void NcclCommunicator::all_gather(Queue& queue, ConstView send, View gathered) {
  ACCORD_CHECK(send.dtype() == gathered.dtype() && send.size() * size() == gathered.size() &&
                   gathered.contiguous(),
               "all_gather over {} ranks: send {}, gathered {}", size(), to_string(send.shape()),
               to_string(gathered.shape()));
  if (send.size() == 0) return;
  if (!cuda::is_device_memory(send.data())) return control_->all_gather(host_, send, gathered);
  enqueue(queue, "ncclAllGather", [&](cudaStream_t stream) {
    return ncclAllGather(send.data(), gathered.data(), count_of(send), type_of(send.dtype()), comm_,
                         stream);
  });
  join(queue);
}

void NcclCommunicator::reduce_scatter(Queue& queue, ConstView send, View part) {
  start_reduce_scatter(queue, send, part)->wait(queue);
}

std::unique_ptr<Request> NcclCommunicator::start_reduce_scatter(Queue& queue, ConstView send,
                                                                View part) {
  ACCORD_CHECK(send.dtype() == part.dtype() && send.size() == size() * part.size(),
               "reduce_scatter over {} ranks: send {}, part {}", size(), to_string(send.shape()),
               to_string(part.shape()));
  enqueue(queue, "ncclReduceScatter", [&](cudaStream_t stream) {
    return part.size() == 0 ? ncclSuccess
                            : ncclReduceScatter(send.data(), part.data(), count_of(part),
                                                type_of(part.dtype()), ncclSum, comm_, stream);
  });
  return std::make_unique<NcclRequest>(stream_, queue);
}

void NcclCommunicator::broadcast(Queue& queue, View x, int root) {
  if (x.size() == 0) return;
  if (!cuda::is_device_memory(x.data())) return control_->broadcast(host_, x, root);
  enqueue(queue, "ncclBroadcast", [&](cudaStream_t stream) {
    return ncclBroadcast(x.data(), x.data(), count_of(x), type_of(x.dtype()), root, comm_, stream);
  });
  join(queue);
}

void NcclCommunicator::barrier(Queue& queue) {
  join(queue);
  queue.wait();
  control_->barrier(host_);
}

std::unique_ptr<Request> NcclCommunicator::start_send_receive(Queue& queue, ConstView send, int to,
                                                              View receive, int from) {
  void const* const memory = send.size() > 0 ? send.data() : receive.data();
  if (memory != nullptr && !cuda::is_device_memory(memory))
    return control_->start_send_receive(host_, send, to, receive, from);
  enqueue(queue, "ncclSend, ncclRecv", [&](cudaStream_t stream) {
    Group const group;
    if (to >= 0 && send.size() > 0)
      check(ncclSend(send.data(), count_of(send), type_of(send.dtype()), to, comm_, stream), comm_,
            "ncclSend");
    if (from >= 0 && receive.size() > 0)
      check(ncclRecv(receive.data(), count_of(receive), type_of(receive.dtype()), from, comm_,
                     stream),
            comm_, "ncclRecv");
    return ncclSuccess;
  });
  return std::make_unique<NcclRequest>(stream_, queue);
}

std::unique_ptr<GroupCommunicator> NcclCommunicator::split(int color, int key) {
  return std::make_unique<NcclCommunicator>(queue_, control_->split(color, key));
}

#undef ACCORD_NCCL

}  // namespace accord::parallel
