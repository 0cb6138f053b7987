#pragma once
// Where the time of training steps goes, as nested spans.

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/queue.hpp"
#include "core/base/whereabouts.hpp"

namespace accord {

/// What a rank does meanwhile.
enum class Activity : std::uint8_t {
  step,           ///< a whole training step; its own time is what no other span names
  compute,        ///< mathematics
  op,             ///< a single op of it, in a trace of ops
  communication,  ///< in a call that waits for other ranks: exposed, nothing else runs
  bubble,         ///< waiting for another stage of its pipeline
  storage,        ///< waiting for data, or writing a checkpoint
};
constexpr std::array all_activities = {Activity::step,   Activity::compute,
                                       Activity::op,     Activity::communication,
                                       Activity::bubble, Activity::storage};

constexpr std::string_view name_of(Activity activity) {
  constexpr std::array<std::string_view, all_activities.size()> names = {
      "step", "compute", "op", "communication", "bubble", "storage"};
  return names[static_cast<std::size_t>(activity)];
}

/// A number shown with a span: {"bytes", 4096}. No key: none.
struct TraceValue {
  std::string_view key;
  std::int64_t value = 0;
};

/// The timeline of one rank. A Queue carries it to whoever has something to record
/// (Queue::record_trace); names are kept as pointers and must outlive it. For one thread of
/// control.
class Trace {
 public:
  using Clock = std::chrono::steady_clock;
  /// With ops the host waits for each, so that its span is the time of the backend that computes
  /// it: for benchmarks, not for the timeline of a run.
  enum class Detail : bool { calls, ops };

  explicit Trace(Detail detail = Detail::calls) : detail_(detail) {}

  struct Span {
    char const* name;
    Activity activity;
    TraceValue value;
    Clock::duration begin, end;  ///< since the start of the trace
    std::int64_t parent;         ///< index of the span around it, which begins earlier; -1: none
  };
  /// A message under way while the rank may do something else.
  struct Transfer {
    char const* name;
    TraceValue value;
    Clock::duration begin, end;
  };

  /// Index of a new span inside the innermost open one.
  std::int64_t begin(Activity activity, char const* name, TraceValue value);
  /// Ends the innermost open span, which is `index`.
  void end(std::int64_t index);
  void add_transfer(char const* name, TraceValue value, Clock::duration begin);
  Detail detail() const { return detail_; }
  Clock::duration now() const { return Clock::now() - origin_; }

  std::vector<Span> const& spans() const { return spans_; }
  std::vector<Transfer> const& transfers() const { return transfers_; }

 private:
  Detail detail_;
  Clock::time_point origin_ = Clock::now();
  std::int64_t open_ = -1;
  std::vector<Span> spans_;
  std::vector<Transfer> transfers_;
};

/// One span from construction to destruction; costs two comparisons when nothing is traced and
/// nobody watches. On a backend that computes later it is the time to enqueue.
class TraceSpan {
 public:
  TraceSpan(Queue& queue, Activity activity, char const* name, TraceValue value = {})
      : where_(queue.whereabouts(), {name, value.key == "bytes" ? value.value : 0}),
        trace_(queue.trace()),
        index_(trace_ ? trace_->begin(activity, name, value) : -1) {}
  TraceSpan(TraceSpan const&) = delete;
  TraceSpan& operator=(TraceSpan const&) = delete;
  ~TraceSpan() {
    if (trace_) trace_->end(index_);
  }

 private:
  WhereaboutsSpan where_;
  Trace* trace_;
  std::int64_t index_;
};

/// The span of one op, with all its work on the backend; traced only in a trace of ops.
class OpSpan {
 public:
  OpSpan(Queue& queue, char const* name)
      : where_(queue.whereabouts(), {name}),
        queue_(queue),
        traced_(queue.trace() && queue.trace()->detail() == Trace::Detail::ops) {
    if (!traced_) return;
    queue.wait();
    index_ = queue.trace()->begin(Activity::op, name, {});
  }
  OpSpan(OpSpan const&) = delete;
  OpSpan& operator=(OpSpan const&) = delete;
  ~OpSpan() noexcept(false) {
    if (!traced_) return;
    if (std::uncaught_exceptions() == 0) queue_.wait();
    queue_.trace()->end(index_);
  }

 private:
  WhereaboutsSpan where_;
  Queue& queue_;
  bool traced_;
  std::int64_t index_ = -1;
};

/// Each moment of the traced steps counted once, for the innermost span around it.
struct TraceSummary {
  struct Part {
    Activity activity = Activity::compute;
    std::int64_t calls = 0;
    double seconds = 0;  ///< its own, without the spans inside
    std::int64_t bytes = 0;
  };
  std::int64_t steps = 0;
  double seconds = 0;                     ///< of the steps
  std::map<Activity, double> seconds_of;  ///< of each that occurs; they add up to `seconds`
  std::map<std::string, Part> parts;      ///< by name; likewise

  /// Part of the time that an activity takes.
  double share(Activity activity) const {
    auto const found = seconds_of.find(activity);
    return found == seconds_of.end() ? 0 : found->second / seconds;
  }
};

/// \pre the outermost spans are steps
TraceSummary summarise(std::span<Trace::Span const> spans);

}  // namespace accord
