#pragma once
// Work done ahead of its use by several threads, handed out in order.

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/check.hpp"

namespace accord::io {

/// Calls make(ticket, worker) for tickets 0, 1, 2, ... on `threads` threads, at most `capacity`
/// tickets ahead of those taken; `worker` < threads tells the threads apart, so each may have
/// memory of its own. take() gives the results in the order of the tickets, whatever order they
/// were made in.
template <class T>
class ReadAhead {
 public:
  using Make = std::function<T(std::uint64_t ticket, std::size_t worker)>;

  ReadAhead(std::size_t threads, std::size_t capacity, Make make,
            std::uint64_t tickets = std::numeric_limits<std::uint64_t>::max())
      : make_(std::move(make)), tickets_(tickets), slots_(capacity) {
    ACCORD_CHECK(threads > 0 && capacity > 0, "{} threads, {} results ahead", threads, capacity);
    for (std::size_t worker = 0; worker < threads; ++worker)
      threads_.emplace_back([this, worker] { work(worker); });
  }
  ReadAhead(ReadAhead const&) = delete;
  ReadAhead& operator=(ReadAhead const&) = delete;
  /// Waits for what is being made; the rest is never begun.
  ~ReadAhead() {
    {
      std::lock_guard const lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  /// The next `count` results, fewer only after the last ticket; waits until all are there, so a
  /// thread that asks for many is woken once. What `make` threw for one of them is thrown here, and
  /// the results before it are lost. \param count at most capacity
  std::vector<T> take(std::size_t count) {
    ACCORD_CHECK(count <= slots_.size(), "{} results of {} ahead", count, slots_.size());
    std::unique_lock lock(mutex_);
    wanted_ = std::min(taken_ + count, tickets_);
    ready_.wait(lock, [&] { return made_ >= wanted_; });
    std::vector<T> results;
    std::exception_ptr error;
    for (; taken_ < wanted_ && !error; ++taken_) {
      Slot slot = std::exchange(slots_[taken_ % slots_.size()], Slot{});
      error = slot.error;
      if (!error) results.push_back(std::move(*slot.value));
    }
    lock.unlock();
    room_.notify_all();
    if (error) std::rethrow_exception(error);
    return results;
  }

 private:
  struct Slot {
    std::optional<T> value;
    std::exception_ptr error;
    bool done() const { return value || error; }
  };

  void work(std::size_t worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
      room_.wait(
          lock, [&] { return stopping_ || begun_ == tickets_ || begun_ - taken_ < slots_.size(); });
      if (stopping_ || begun_ == tickets_) return;
      std::uint64_t const ticket = begun_++;
      lock.unlock();
      Slot result;
      try {
        result.value = make_(ticket, worker);
      } catch (...) {
        result.error = std::current_exception();
      }
      lock.lock();
      slots_[ticket % slots_.size()] = std::move(result);
      while (made_ < begun_ && slots_[made_ % slots_.size()].done()) ++made_;
      if (made_ >= wanted_) ready_.notify_one();
    }
  }

  Make make_;
  std::uint64_t tickets_;
  std::uint64_t begun_ = 0, made_ = 0, taken_ = 0;  // of each: all tickets below
  std::uint64_t wanted_ = 0;                        // by who waits in take()
  bool stopping_ = false;
  std::vector<Slot> slots_;
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::vector<std::thread> threads_;
};

}  // namespace accord::io
