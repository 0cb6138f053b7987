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
    : ForwardingCommunicator(std::move(control)),
      queue_(queue),
      watch_(
          queue.stream(), [this] { poll(); }, [this] { abandon(); }) {
  ncclUniqueId id{};
  if (rank() == 0) ACCORD_NCCL(ncclGetUniqueId(&id));
  group().broadcast(host_, View(&id, DType::uint8, Shape{static_cast<Index>(sizeof(id))}), 0);
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

void NcclCommunicator::enqueue(Queue& queue, Call const& call) {
  queue.stream().record(before_);
  stream_.wait_for(before_);
  launch(call);
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

// Calls of no elements, which NCCL would refuse where a view has no memory, launch nothing; all
// members agree on sizes, so all leave them out.
void NcclCommunicator::launch(Call const& call) {
  ConstView const send = call.send;
  View const receive = call.receive;
  cudaStream_t const stream = stream_.handle();
  switch (call.kind) {
    case CallKind::all_reduce:
      ACCORD_CHECK(call.op == Reduce::sum, "a maximum over devices would forget a NaN");
      if (receive.size() > 0)
        ACCORD_NCCL(ncclAllReduce(receive.data(), receive.data(), count_of(receive),
                                  type_of(receive.dtype()), ncclSum, comm_, stream));
      return;
    case CallKind::all_gather:
      ACCORD_CHECK(send.dtype() == receive.dtype() && send.size() * size() == receive.size() &&
                       receive.contiguous(),
                   "all_gather over {} ranks: send {}, gathered {}", size(),
                   to_string(send.shape()), to_string(receive.shape()));
      if (send.size() > 0)
        ACCORD_NCCL(ncclAllGather(send.data(), receive.data(), count_of(send),
                                  type_of(send.dtype()), comm_, stream));
      return;
    case CallKind::reduce_scatter:
      ACCORD_CHECK(send.dtype() == receive.dtype() && send.size() == size() * receive.size(),
                   "reduce_scatter over {} ranks: send {}, part {}", size(),
                   to_string(send.shape()), to_string(receive.shape()));
      if (receive.size() > 0)
        ACCORD_NCCL(ncclReduceScatter(send.data(), receive.data(), count_of(receive),
                                      type_of(receive.dtype()), ncclSum, comm_, stream));
      return;
    case CallKind::broadcast:
      if (receive.size() > 0)
        ACCORD_NCCL(ncclBroadcast(receive.data(), receive.data(), count_of(receive),
                                  type_of(receive.dtype()), call.from, comm_, stream));
      return;
    case CallKind::send_receive: {
      Group const group;
      if (send.size() > 0)
        ACCORD_NCCL(
            ncclSend(send.data(), count_of(send), type_of(send.dtype()), call.to, comm_, stream));
      if (receive.size() > 0)
        ACCORD_NCCL(ncclRecv(receive.data(), count_of(receive), type_of(receive.dtype()), call.from,
                             comm_, stream));
      return;
    }
    case CallKind::barrier:  // NCCL has none: see run()
      return;
  }
}

namespace {

// Whether the hosts do it. Where nothing is moved there is nothing to do, so the address, which may
// be of any kind then, does not matter; but a message has another side, with a size of its own.
bool is_of_hosts(Call const& call) {
  ConstView const data = call.data();
  bool const moves = data.size() > 0 || call.kind == CallKind::send_receive;
  return moves && data.data() != nullptr && !cuda::is_device_memory(data.data());
}

}  // namespace

void NcclCommunicator::run(Queue& queue, Call const& call) {
  if (call.kind == CallKind::barrier) {
    join(queue);
    queue.wait();
    return group().barrier(host_);
  }
  if (is_of_hosts(call)) return carry_out(group(), host_, call);
  enqueue(queue, call);
  join(queue);
}

std::unique_ptr<Request> NcclCommunicator::start_call(Queue& queue, Call const& call) {
  if (is_of_hosts(call)) return start(group(), host_, call);
  enqueue(queue, call);
  return std::make_unique<NcclRequest>(stream_, queue);
}

std::unique_ptr<GroupCommunicator> NcclCommunicator::split(int color, int key) {
  return std::make_unique<NcclCommunicator>(queue_, group().split(color, key));
}

#undef ACCORD_NCCL

}  // namespace accord::parallel
