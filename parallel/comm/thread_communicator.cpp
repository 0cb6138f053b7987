#include "parallel/comm/thread_communicator.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>

#include "core/tensor/tensor.hpp"
#include "parallel/comm/ordered_communicator.hpp"

namespace accord::parallel {
namespace {

// Group and lane, sender, receiver.
using Route = std::tuple<std::string, int, int>;

// The post office of all groups of one run, under one lock.
class PostOffice {
 public:
  explicit PostOffice(int ranks) : running_(ranks) {}

  void post(Route const& route, void const* data, std::size_t bytes) {
    std::lock_guard lock(mutex_);
    Mailbox& box = boxes_[route];
    auto const* const begin = static_cast<std::byte const*>(data);
    box.messages.emplace(box.posted++, std::vector<std::byte>(begin, begin + bytes));
    changed_.notify_all();
  }

  // The place in the sequence of messages: receives are matched in the order they are started in,
  // whatever the order they are waited for.
  std::uint64_t expect(Route const& route) {
    std::lock_guard lock(mutex_);
    return boxes_[route].expected++;
  }

  bool has(Route const& route, std::uint64_t number) {
    std::lock_guard lock(mutex_);
    if (boxes_[route].messages.contains(number)) return true;
    // A rank that only asks would ask for ever.
    if (!failure_.empty()) throw Error(failure_);
    return false;
  }

  void take(Route const& route, std::uint64_t number, void* data, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    Mailbox& box = boxes_[route];
    auto const waiting = waiting_.insert(waiting_.end(), {route, number});
    check_progress();
    changed_.wait(lock, [&] { return !failure_.empty() || box.messages.contains(number); });
    waiting_.erase(waiting);
    if (!box.messages.contains(number)) throw Error(failure_);
    auto const message = box.messages.extract(number);
    if (message.mapped().size() != bytes)
      throw Error(fmt::format("rank {} of group {} sent {} bytes to rank {}, which expects {}",
                              std::get<1>(route), std::get<0>(route), message.mapped().size(),
                              std::get<2>(route), bytes));
    if (bytes > 0) std::memcpy(data, message.mapped().data(), bytes);
  }

  void leave() {
    std::lock_guard lock(mutex_);
    --running_;
    check_progress();
  }

  // True for the first failure, the one that explains all others.
  bool fail(std::string const& message) {
    std::lock_guard lock(mutex_);
    return set_failure(message);
  }

 private:
  struct Mailbox {
    std::map<std::uint64_t, std::vector<std::byte>> messages;
    std::uint64_t posted = 0, expected = 0;
  };
  struct Waiting {
    Route route;
    std::uint64_t number;
  };

  bool set_failure(std::string const& message) {
    if (!failure_.empty()) return false;
    failure_ = message;
    changed_.notify_all();
    return true;
  }

  // Every rank still running waits for a message that nobody is left to send: an error, not a hang.
  void check_progress() {
    if (waiting_.empty() || static_cast<int>(waiting_.size()) < running_) return;
    std::string who;
    for (auto const& [route, number] : waiting_) {
      if (boxes_[route].messages.contains(number)) return;
      who += fmt::format("{}rank {} of group {} waits for rank {}", who.empty() ? "" : ", ",
                         std::get<2>(route), std::get<0>(route), std::get<1>(route));
    }
    set_failure("the ranks' collective calls do not match: " + who);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Route, Mailbox> boxes_;
  std::list<Waiting> waiting_;
  int running_;
  std::string failure_;
};

class ThreadCommunicator final : public OrderedCommunicator {
 public:
  ThreadCommunicator(PostOffice& office, std::string group, int rank, int size)
      : office_(office), group_(std::move(group)), rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_gather(Queue&, ConstView send, View gathered) override {
    ACCORD_CHECK(send.contiguous() && gathered.contiguous() && send.dtype() == gathered.dtype() &&
                     send.size() * size_ == gathered.size(),
                 "all_gather over {} ranks: send {} {}, gathered {} {}", size_,
                 name_of(send.dtype()), to_string(send.shape()), name_of(gathered.dtype()),
                 to_string(gathered.shape()));
    std::vector<Outgoing> outgoing;
    std::vector<Incoming> incoming;
    for (int peer = 0; peer < size_; ++peer) {
      std::byte* const place =
          static_cast<std::byte*>(gathered.data()) + static_cast<std::size_t>(peer) * send.bytes();
      if (peer != rank_) {
        outgoing.push_back({peer, send.data(), send.bytes()});
        incoming.push_back({peer, place, send.bytes()});
      } else if (place != send.data() && send.bytes() > 0) {
        std::memcpy(place, send.data(), send.bytes());
      }
    }
    start_transfers(Lane::calls, outgoing, incoming)->wait();
  }

  void broadcast(Queue&, View x, int root) override {
    ACCORD_CHECK(x.contiguous(), "broadcast needs a contiguous view");
    std::vector<Outgoing> outgoing;
    std::vector<Incoming> incoming;
    if (rank_ != root) incoming.push_back({root, x.data(), x.bytes()});
    for (int peer = 0; rank_ == root && peer < size_; ++peer)
      if (peer != root) outgoing.push_back({peer, x.data(), x.bytes()});
    start_transfers(Lane::calls, outgoing, incoming)->wait();
  }

  void barrier(Queue& queue) override {
    std::byte nothing;
    all_gather(queue, ConstView(&nothing, DType::uint8, Shape{0}),
               View(&nothing, DType::uint8, Shape{0}));
  }

  std::unique_ptr<GroupCommunicator> split(int color, int key) override {
    ACCORD_CHECK(color >= 0, "split: color {} is negative", color);
    std::array<std::int64_t, 2> const mine{color, key};
    std::vector<std::int64_t> all(2 * static_cast<std::size_t>(size_));
    Queue queue(Backend::cpu);
    all_gather(queue, ConstView(mine.data(), DType::int64, Shape{2}),
               View(all.data(), DType::int64, Shape{size_, 2}));
    int rank = 0, size = 0;
    for (int peer = 0; peer < size_; ++peer) {
      auto const* const theirs = &all[2 * static_cast<std::size_t>(peer)];
      if (theirs[0] != color) continue;
      ++size;
      rank += std::pair(theirs[1], peer) < std::pair(mine[1], rank_) ? 1 : 0;
    }
    return std::make_unique<ThreadCommunicator>(
        office_, fmt::format("{}/{}.{}", group_, splits_++, color), rank, size);
  }

 private:
  // Messages on their way to this rank.
  class Receipts final : public Transfers {
   public:
    explicit Receipts(PostOffice& office) : office_(office) {}
    ~Receipts() override {
      try {
        if (std::uncaught_exceptions() == 0) wait();
      } catch (Error const&) {  // the rank that failed reports it
      }
    }
    void expect(Route const& route, Incoming const& in) {
      expected_.push_back({route, office_.expect(route), in});
    }
    void wait() override {
      for (auto const& [route, number, in] : std::exchange(expected_, {}))
        office_.take(route, number, in.data, in.bytes);
    }
    bool done() override {
      return std::all_of(expected_.begin(), expected_.end(), [&](Expected const& expected) {
        return office_.has(expected.route, expected.number);
      });
    }

   private:
    struct Expected {
      Route route;
      std::uint64_t number;
      Incoming in;
    };
    PostOffice& office_;
    std::vector<Expected> expected_;
  };

  std::unique_ptr<Transfers> start_transfers(Lane lane, std::span<Outgoing const> outgoing,
                                             std::span<Incoming const> incoming) override {
    std::string const group = lane == Lane::calls ? group_ : group_ + ", started";
    for (Outgoing const& out : outgoing) office_.post({group, rank_, out.to}, out.data, out.bytes);
    auto receipts = std::make_unique<Receipts>(office_);
    for (Incoming const& in : incoming) receipts->expect({group, in.from, rank_}, in);
    return receipts;
  }

  PostOffice& office_;
  std::string group_;
  int rank_, size_;
  int splits_ = 0;
};

}  // namespace

void ThreadGroup::run(std::function<void(GroupCommunicator&)> const& body) const {
  PostOffice office(ranks_);
  std::mutex mutex;
  std::exception_ptr first;  // the cause, or any rank's error when no single rank is the cause
  auto const fail = [&](int rank, std::string const& what) {
    std::lock_guard lock(mutex);
    if (office.fail(fmt::format("rank {} failed: {}", rank, what)) || !first)
      first = std::current_exception();
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks_; ++rank)
    threads.emplace_back([&, rank] {
      omp_set_num_threads(1);
      try {
        ThreadCommunicator world(office, "world", rank, ranks_);
        body(world);
      } catch (std::exception const& error) {
        fail(rank, error.what());
      } catch (...) {
        fail(rank, "unknown exception");
      }
      office.leave();
    });
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace accord::parallel
