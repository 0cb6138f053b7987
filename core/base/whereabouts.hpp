#pragma once

#include <atomic>
#include <cstdint>

namespace accord {

/// What a thread of control is about, left where another thread can read it at any time: the
/// innermost of the spans of trace.hpp that are open, and a count that grows whenever one begins or
/// ends. A queue carries it (Queue::record_whereabouts). Written by one thread.
class Whereabouts {
 public:
  struct Span {
    char const* name = nullptr;  ///< null: none is open. Kept as a pointer while it is
    std::int64_t bytes = 0;      ///< that a call moves; 0: not known
  };

  /// Returns the span around the new one, for leave().
  Span enter(Span span) {
    Span const around{name_.load(std::memory_order_relaxed),
                      bytes_.load(std::memory_order_relaxed)};
    note(span);
    return around;
  }
  void leave(Span around) { note(around); }
  /// Progress that no span shows.
  void beat() { changes_.store(changes() + 1, std::memory_order_relaxed); }

  std::uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }
  /// From any thread. The name lives as long as its span: read it while nothing changes.
  Span innermost() const {
    return {name_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed)};
  }

 private:
  void note(Span span) {
    name_.store(span.name, std::memory_order_relaxed);
    bytes_.store(span.bytes, std::memory_order_relaxed);
    beat();
  }

  std::atomic<char const*> name_ = nullptr;
  std::atomic<std::int64_t> bytes_ = 0;
  std::atomic<std::uint64_t> changes_ = 0;
};

/// The span of a queue that has such a record, from construction to destruction.
class WhereaboutsSpan {
 public:
  WhereaboutsSpan(Whereabouts* record, Whereabouts::Span span) : record_(record) {
    if (record_) around_ = record_->enter(span);
  }
  WhereaboutsSpan(WhereaboutsSpan const&) = delete;
  WhereaboutsSpan& operator=(WhereaboutsSpan const&) = delete;
  ~WhereaboutsSpan() {
    if (record_) record_->leave(around_);
  }

 private:
  Whereabouts* record_;
  Whereabouts::Span around_;
};

}  // namespace accord
