#include "core/base/trace.hpp"

#include "core/base/check.hpp"

namespace accord {

std::int64_t Trace::begin(Activity activity, char const* name, TraceValue value) {
  auto const index = static_cast<std::int64_t>(spans_.size());
  Clock::duration const begin = now();
  spans_.push_back({name, activity, value, begin, begin, open_});
  open_ = index;
  return index;
}

void Trace::end(std::int64_t index) {
  Span& span = spans_[static_cast<std::size_t>(index)];
  span.end = now();
  open_ = span.parent;
}

void Trace::add_transfer(char const* name, TraceValue value, Clock::duration begin) {
  transfers_.push_back({name, value, begin, now()});
}

TraceSummary summarise(std::span<Trace::Span const> spans) {
  auto const length = [](Trace::Span const& span) {
    return std::chrono::duration<double>(span.end - span.begin).count();
  };
  std::vector<double> own(spans.size());
  TraceSummary summary;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    own[i] += length(spans[i]);
    if (spans[i].parent >= 0)
      own[static_cast<std::size_t>(spans[i].parent)] -= length(spans[i]);
    else
      ACCORD_CHECK(spans[i].activity == Activity::step, "span \"{}\" lies outside all steps",
                   spans[i].name);
  }
  for (std::size_t i = 0; i < spans.size(); ++i) {
    Trace::Span const& span = spans[i];
    if (span.activity == Activity::step) {
      ++summary.steps;
      summary.seconds += length(span);
    }
    summary.seconds_of[span.activity] += own[i];
    TraceSummary::Part& part = summary.parts[span.name];
    part.activity = span.activity;
    ++part.calls;
    part.seconds += own[i];
    if (span.value.key == "bytes") part.bytes += span.value.value;
  }
  return summary;
}

}  // namespace accord
