// The functions of NCCL that the program calls, between emulated devices of one process or of
// several. Strict where NCCL leaves a program to hang or to compute nonsense: members whose calls
// differ fail and are named, a message leaves only when its receiver has come, and calls that wait
// for each other for ever fail after the streams' patience.

#include <nccl.h>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/cuda_emulation/memory.hpp"
#include "tests/support/cuda_emulation/nccl_group.hpp"
#include "tests/support/cuda_emulation/nccl_reduce.hpp"
#include "tests/support/cuda_emulation/streams.hpp"

namespace accord::emulation {
namespace {

thread_local std::string last_error;

ncclResult_t refuse(ncclResult_t code, std::string reason) {
  last_error = std::move(reason);
  return code;
}

template <class Goal>
bool wait_on_host(Goal const& goal) {
  auto const deadline = std::chrono::steady_clock::now() + patience;
  while (!goal()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(poll_interval);
  }
  return true;
}

/// One member's side. Work in streams keeps it alive.
struct Communicator {
  Communicator(char const* path, int ranks, int rank) : group(path, ranks), rank(rank) {}

  NcclMember& self() { return group.member(rank); }
  /// Another member has aborted or died: calls that need it never end.
  bool broken() {
    for (int other = 0; other < group.ranks(); ++other) {
      NcclMember const& member = group.member(other);
      bool const died =
          member.state == MemberState::present && ::kill(member.process, 0) != 0 && errno == ESRCH;
      if (other != rank && (member.state == MemberState::aborted || died)) return true;
    }
    return false;
  }
  template <class Holds>
  bool of_all_others(Holds const& holds) {
    for (int other = 0; other < group.ranks(); ++other)
      if (other != rank && !holds(group.member(other))) return false;
    return true;
  }
  /// What this member and the others are about, for a message.
  std::string situation() {
    std::string text = "emulated NCCL";
    for (int other = 0; other < group.ranks(); ++other) {
      NcclMember const& member = group.member(other);
      text += fmt::format("{} rank {} {} {}", other == 0 ? ":" : ",", other,
                          member.under_way > 0 ? "is in" : "has ended",
                          member.last_call[0] ? member.last_call : "no call");
    }
    return text;
  }

  NcclGroup group;
  int rank;
  std::atomic<bool> aborted = false;
  std::atomic<cudaStream_t> stream = nullptr;  ///< of all its calls
  std::uint64_t collectives = 0;               ///< enqueued
  std::atomic<std::uint64_t> enqueued = 0;     ///< launches
  std::atomic<std::uint64_t> ended = 0;
};

struct Transfer {
  NcclCall call;
  void const* from = nullptr;
  void* to = nullptr;
};

/// One collective, or the messages of one group, on its way through the stream: it begins, gives
/// what it has to give when there is room, takes when the others have given, and ends when the
/// others have taken.
class Launch : public std::enable_shared_from_this<Launch> {
 public:
  Launch(std::shared_ptr<Communicator> communicator, std::vector<Transfer> transfers)
      : c_(std::move(communicator)), transfers_(std::move(transfers)) {}

  cudaError_t enqueue() {
    ++c_->enqueued;
    if (is_collective()) number_ = ++c_->collectives;
    part([](Launch&) { return true; }, [](Launch& l) { l.begin(); });
    part([](Launch& l) { return l.may_give(); }, [](Launch& l) { l.give(); });
    part([](Launch& l) { return l.may_take(); }, [](Launch& l) { l.take(); });
    return part([](Launch& l) { return l.may_end(); }, [](Launch& l) { l.end(); });
  }

 private:
  cudaError_t part(bool (*ready)(Launch&), void (*run)(Launch&)) {
    auto const self = shared_from_this();
    return emulation::enqueue(
        c_->stream,
        [self, ready] { return self->c_->aborted || (!self->c_->broken() && ready(*self)); },
        [self, run] {
          if (!self->c_->aborted) run(*self);
        },
        [self] { return self->c_->situation(); });
  }
  bool is_collective() const { return transfers_.front().call.kind < CallKind::send; }
  bool sends(Transfer const& t) const { return t.call.kind == CallKind::send; }
  NcclLane& lane_of(Transfer const& t) {
    return sends(t) ? c_->group.lane(c_->rank, t.call.peer) : c_->group.lane(t.call.peer, c_->rank);
  }

  void begin() {
    NcclMember& self = c_->self();
    std::string text;
    for (Transfer const& t : transfers_) text += (text.empty() ? "" : " + ") + describe(t.call);
    text.copy(self.last_call, sizeof(self.last_call) - 1);
    self.last_call[std::min(text.size(), sizeof(self.last_call) - 1)] = 0;
    ++self.under_way;
  }

  bool may_give() {
    return !is_collective() || c_->of_all_others([&](NcclMember const& other) {
      return other.finished + 1 >= number_;
    });
  }
  void give() {
    for (Transfer const& t : transfers_) {
      std::size_t const bytes = t.call.count * size_of(t.call.type);
      if (is_collective()) {
        std::size_t const parts =
            t.call.kind == CallKind::reduce_scatter ? std::size_t(c_->group.ranks()) : 1;
        if (t.call.kind != CallKind::broadcast || t.call.peer == c_->rank)
          std::memcpy(c_->group.window(c_->rank), t.from, parts * bytes);
        c_->self().collective = t.call;
        c_->self().posted = number_;
      } else if (sends(t)) {
        NcclLane& lane = lane_of(t);
        if (lane.sent != lane.taken) throw std::logic_error("two messages to one peer in a group");
        std::memcpy(c_->group.window(c_->rank, t.call.peer), t.from, bytes);
        lane.sent_as = t.call;
        ++lane.sent;
      }
    }
  }

  bool may_take() {
    if (is_collective())
      return c_->of_all_others([&](NcclMember const& other) { return other.posted >= number_; });
    for (Transfer const& t : transfers_)
      if (!sends(t) && lane_of(t).sent == lane_of(t).taken) return false;
    return true;
  }
  void take() {
    for (Transfer const& t : transfers_) {
      if (is_collective())
        take_collective(t);
      else if (!sends(t))
        take_message(t);
    }
  }
  void take_collective(Transfer const& t) {
    NcclCall const& first = c_->group.member(0).collective;
    for (int rank = 1; rank < c_->group.ranks(); ++rank)
      if (c_->group.member(rank).collective != first)
        throw std::logic_error(fmt::format("emulated NCCL: rank 0 makes {}, rank {} {}",
                                           describe(first), rank,
                                           describe(c_->group.member(rank).collective)));
    std::size_t const bytes = t.call.count * size_of(t.call.type);
    switch (t.call.kind) {
      case CallKind::all_reduce:
        reduce(c_->group, t.call, 0, t.to);
        break;
      case CallKind::reduce_scatter:
        reduce(c_->group, t.call, t.call.count * static_cast<std::uint64_t>(c_->rank), t.to);
        break;
      case CallKind::all_gather:
        for (int rank = 0; rank < c_->group.ranks(); ++rank)
          std::memcpy(static_cast<std::byte*>(t.to) + static_cast<std::size_t>(rank) * bytes,
                      c_->group.window(rank), bytes);
        break;
      default:
        std::memcpy(t.to, c_->group.window(t.call.peer), bytes);
    }
    c_->self().finished = number_;
  }
  void take_message(Transfer const& t) {
    NcclLane& lane = lane_of(t);
    lane.expected_as = t.call;
    if (lane.sent_as.count != t.call.count || lane.sent_as.type != t.call.type) {
      lane.refused = true;
      refuse_message(lane, t.call.peer, c_->rank);
    }
    std::memcpy(t.to, c_->group.window(t.call.peer, c_->rank), t.call.count * size_of(t.call.type));
    ++lane.taken;
  }
  [[noreturn]] void refuse_message(NcclLane const& lane, int from, int to) {
    throw std::logic_error(fmt::format("emulated NCCL: rank {} makes {}, rank {} {}", from,
                                       describe(lane.sent_as), to, describe(lane.expected_as)));
  }

  bool may_end() {
    for (Transfer const& t : transfers_)
      if (sends(t) && !lane_of(t).refused && lane_of(t).taken != lane_of(t).sent) return false;
    return true;
  }
  void end() {
    for (Transfer const& t : transfers_)
      if (sends(t) && lane_of(t).refused) refuse_message(lane_of(t), c_->rank, t.call.peer);
    --c_->self().under_way;
    ++c_->ended;
  }

  std::shared_ptr<Communicator> c_;
  std::vector<Transfer> transfers_;
  std::uint64_t number_ = 0;
};

/// The communicators of this process, and the thread that lets their streams go on while other
/// processes wait for them, whatever this process's own threads do: a device needs no host to run.
class Registry {
 public:
  ncclComm_t add(std::shared_ptr<Communicator> communicator) {
    std::lock_guard const lock(mutex_);
    auto const handle = reinterpret_cast<ncclComm_t>(communicator.get());
    communicators_[handle] = std::move(communicator);
    if (!progress_.joinable()) progress_ = std::jthread([this](std::stop_token t) { run(t); });
    return handle;
  }
  std::shared_ptr<Communicator> find(ncclComm_t handle) {
    std::lock_guard const lock(mutex_);
    auto const it = communicators_.find(handle);
    return it == communicators_.end() ? nullptr : it->second;
  }
  void remove(ncclComm_t handle) {
    std::lock_guard const lock(mutex_);
    communicators_.erase(handle);
  }

 private:
  void run(std::stop_token const& token) {
    while (!token.stop_requested()) {
      std::vector<std::shared_ptr<Communicator>> all;
      {
        std::lock_guard const lock(mutex_);
        for (auto const& [handle, communicator] : communicators_) all.push_back(communicator);
      }
      for (auto const& c : all)
        if (c->stream && c->ended < c->enqueued &&
            !c->of_all_others([](NcclMember const& other) { return other.under_way == 0; }))
          advance(c->stream);
      std::this_thread::sleep_for(poll_interval);
    }
  }

  std::mutex mutex_;
  std::map<ncclComm_t, std::shared_ptr<Communicator>> communicators_;
  std::jthread progress_;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

/// The group that the thread is in: calls wait for its end.
struct Group {
  int depth = 0;
  std::map<std::shared_ptr<Communicator>, std::vector<Transfer>> messages;
  std::vector<std::pair<std::shared_ptr<Communicator>, Transfer>> collectives;
};
thread_local Group group;

ncclResult_t launch(std::shared_ptr<Communicator> const& c, std::vector<Transfer> transfers) {
  return std::make_shared<Launch>(c, std::move(transfers))->enqueue() == cudaSuccess
             ? ncclSuccess
             : refuse(ncclUnhandledCudaError, failure());
}

bool overlap(void const* a, std::size_t a_bytes, void const* b, std::size_t b_bytes) {
  auto const *const x = static_cast<std::byte const*>(a), *const y =
                                                              static_cast<std::byte const*>(b);
  return x < y + b_bytes && y < x + a_bytes;
}

/// Checks a call and launches it, or keeps it for the end of the group. Of `from` and `to` the call
/// reads and writes so many times its count.
ncclResult_t make(ncclComm_t handle, cudaStream_t stream, Transfer const& t, int read, int written,
                  void const* in_place) {
  std::string const what = describe(t.call);
  auto const c = registry().find(handle);
  if (!c) return refuse(ncclInvalidArgument, what + " on a communicator that was given up");
  int const ranks = c->group.ranks();
  if (t.call.peer < 0 || t.call.peer >= ranks)
    return refuse(ncclInvalidArgument, fmt::format("{}, of {} ranks", what, ranks));
  if (t.call.op != ncclSum && t.call.op != ncclMax)
    return refuse(ncclInvalidArgument, what + ": an operation that is not emulated");
  std::size_t const bytes = t.call.count * size_of(t.call.type);
  if (bytes == 0) return refuse(ncclInvalidArgument, what + ": nothing, or not emulated");
  std::size_t const from_bytes = static_cast<std::size_t>(read) * bytes,
                    to_bytes = static_cast<std::size_t>(written) * bytes;
  if (std::max(from_bytes, to_bytes) > NcclGroup::window_bytes)
    return refuse(ncclInvalidArgument, what + ": more than the emulation moves");
  for (auto const& [memory, length] :
       {std::pair<void const*, std::size_t>{t.from, from_bytes}, {t.to, to_bytes}})
    if (length > 0 && !(is_device_memory(memory) &&
                        is_device_memory(static_cast<std::byte const*>(memory) + length - 1)))
      return refuse(ncclInvalidArgument, what + ": a buffer is not device memory");
  if (from_bytes > 0 && to_bytes > 0 && t.from != in_place &&
      overlap(t.from, from_bytes, t.to, to_bytes))
    return refuse(ncclInvalidArgument, what + ": buffers overlap, and not as in place");
  if (!c->stream) c->stream = stream;
  if (c->stream != stream)
    return refuse(ncclInvalidUsage, what + ": calls of one communicator on two streams");
  if (t.call.kind >= CallKind::send) {
    if (group.depth == 0) return launch(c, {t});
    group.messages[c].push_back(t);
  } else {
    if (group.depth == 0) return launch(c, {t});
    group.collectives.emplace_back(c, t);
  }
  return ncclSuccess;
}

void const* part_of(void const* whole, int part, std::size_t count, ncclDataType_t type) {
  return static_cast<std::byte const*>(whole) +
         static_cast<std::size_t>(part) * count * size_of(type);
}

}  // namespace
}  // namespace accord::emulation

using namespace accord::emulation;

char const* ncclGetErrorString(ncclResult_t code) {
  switch (code) {
    case ncclSuccess:
      return "no error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    default:
      return "internal error";
  }
}
char const* ncclGetLastError(ncclComm_t) { return last_error.c_str(); }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  std::string const path = NcclGroup::create();
  if (path.size() >= sizeof(id->internal)) return refuse(ncclSystemError, "too long: " + path);
  *id = {};
  path.copy(id->internal, path.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  *comm = nullptr;
  if (ranks < 1 || ranks > NcclGroup::most_members || rank < 0 || rank >= ranks)
    return refuse(ncclInvalidArgument, fmt::format("rank {} of {}", rank, ranks));
  try {
    auto const c = std::make_shared<Communicator>(id.internal, ranks, rank);
    std::int32_t agreed = 0;
    if (!c->group.agreed_ranks().compare_exchange_strong(agreed, ranks) && agreed != ranks)
      return refuse(ncclInvalidUsage, fmt::format("{} ranks here, {} there", ranks, agreed));
    std::int32_t nobody = 0;
    if (!c->self().process.compare_exchange_strong(nobody, ::getpid()))
      return refuse(ncclInvalidUsage, fmt::format("rank {} comes twice", rank));
    int device = 0;
    cudaGetDevice(&device);
    cudaDeviceGetPCIBusId(c->self().device, sizeof(c->self().device), device);
    c->self().state = MemberState::present;
    auto const here = [](NcclMember const& other) { return other.state != MemberState::away; };
    if (!wait_on_host([&] { return c->of_all_others(here); }))
      return refuse(ncclInternalError, "not all ranks have come");
    c->group.remove_file();
    for (int other = 0; other < ranks; ++other)
      if (other != rank && std::strcmp(c->group.member(other).device, c->self().device) == 0)
        return refuse(ncclInvalidUsage,
                      fmt::format("ranks {} and {} share {}", rank, other, c->self().device));
    *comm = registry().add(c);
    return ncclSuccess;
  } catch (std::runtime_error const& error) {
    return refuse(ncclSystemError, error.what());
  }
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  auto const c = registry().find(comm);
  if (!c) return refuse(ncclInvalidArgument, "ncclCommDestroy of what was given up");
  // Collective, and after all calls have ended.
  if (c->stream && cudaStreamSynchronize(c->stream) != cudaSuccess)
    return refuse(ncclUnhandledCudaError, failure());
  c->self().state = MemberState::destroyed;
  bool const all = wait_on_host([&] {
    return c->of_all_others(
        [](NcclMember const& other) { return other.state != MemberState::present; });
  });
  registry().remove(comm);
  return all ? ncclSuccess : refuse(ncclInternalError, "not all ranks destroy it");
}
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  auto const c = registry().find(comm);
  if (!c) return refuse(ncclInvalidArgument, "ncclCommAbort of what was given up");
  c->aborted = true;
  c->self().state = MemberState::aborted;
  registry().remove(comm);
  return ncclSuccess;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  auto const c = registry().find(comm);
  if (!c) return refuse(ncclInvalidArgument, "ncclCommGetAsyncError of what was given up");
  *state = c->broken() ? refuse(ncclRemoteError, "a peer is gone; " + c->situation()) : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(void const* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  return make(comm, stream, {{CallKind::all_reduce, type, op, 0, count}, send, receive}, 1, 1,
              receive);
}
ncclResult_t ncclBroadcast(void const* send, void* receive, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t stream) {
  return make(comm, stream, {{CallKind::broadcast, type, ncclSum, root, count}, send, receive}, 1,
              1, receive);
}
ncclResult_t ncclAllGather(void const* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  auto const c = registry().find(comm);
  return make(comm, stream, {{CallKind::all_gather, type, ncclSum, 0, count}, send, receive}, 1,
              c ? c->group.ranks() : 1, c ? part_of(receive, c->rank, count, type) : nullptr);
}
ncclResult_t ncclReduceScatter(void const* send, void* receive, std::size_t count,
                               ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                               cudaStream_t stream) {
  auto const c = registry().find(comm);
  auto const* const own = c ? part_of(send, c->rank, count, type) : nullptr;
  return make(comm, stream, {{CallKind::reduce_scatter, type, op, 0, count}, send, receive},
              c ? c->group.ranks() : 1, 1, own == receive ? send : nullptr);
}
ncclResult_t ncclSend(void const* send, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return make(comm, stream, {{CallKind::send, type, ncclSum, peer, count}, send, nullptr}, 1, 0,
              nullptr);
}
ncclResult_t ncclRecv(void* receive, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return make(comm, stream, {{CallKind::receive, type, ncclSum, peer, count}, nullptr, receive}, 0,
              1, nullptr);
}

ncclResult_t ncclGroupStart() {
  ++group.depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (group.depth == 0) return refuse(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  if (--group.depth > 0) return ncclSuccess;
  ncclResult_t result = ncclSuccess;
  auto const note = [&](ncclResult_t code) { result = result == ncclSuccess ? code : result; };
  for (auto const& [c, transfer] : std::exchange(group.collectives, {}))
    note(launch(c, {transfer}));
  for (auto& [c, transfers] : std::exchange(group.messages, {}))
    note(launch(c, std::move(transfers)));
  return result;
}
