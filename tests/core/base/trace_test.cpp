#include "core/base/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/base/error.hpp"

namespace accord {
namespace {

using std::chrono::milliseconds;

Trace::Span span(char const* name, Activity activity, int begin, int end, std::int64_t parent,
                 TraceValue value = {}) {
  return {name, activity, value, milliseconds(begin), milliseconds(end), parent};
}

// Two steps of 100 ms. The first computes, waits inside the computation and for a neighbour; the
// second spends 10 ms where no span says what for.
std::vector<Trace::Span> two_steps() {
  return {span("step", Activity::step, 0, 100, -1),
          span("data", Activity::storage, 0, 5, 0),
          span("layers", Activity::compute, 5, 80, 0),
          span("all_reduce", Activity::communication, 10, 20, 2, {"bytes", 64}),
          span("all_reduce", Activity::communication, 30, 35, 2, {"bytes", 32}),
          span("receive", Activity::bubble, 80, 100, 0, {"bytes", 8}),
          span("step", Activity::step, 110, 210, -1),
          span("layers", Activity::compute, 120, 210, 6, {"micro_batch", 3})};
}

TEST(Trace, CountsEachMomentOnceForTheInnermostSpan) {
  TraceSummary const summary = summarise(two_steps());
  EXPECT_EQ(summary.steps, 2);
  EXPECT_DOUBLE_EQ(summary.seconds, 0.2);
  auto const seconds = [&](Activity activity) { return summary.seconds_of.at(activity); };
  EXPECT_NEAR(seconds(Activity::compute), 0.150, 1e-12);
  EXPECT_NEAR(seconds(Activity::communication), 0.015, 1e-12);
  EXPECT_NEAR(seconds(Activity::bubble), 0.020, 1e-12);
  EXPECT_NEAR(seconds(Activity::storage), 0.005, 1e-12);
  EXPECT_NEAR(seconds(Activity::step), 0.010, 1e-12);
  EXPECT_NEAR(summary.share(Activity::bubble), 0.1, 1e-12);
}

TEST(Trace, AddsTheSpansOfOneNameUp) {
  TraceSummary const summary = summarise(two_steps());
  TraceSummary::Part const& layers = summary.parts.at("layers");
  EXPECT_EQ(layers.calls, 2);
  EXPECT_NEAR(layers.seconds, 0.150, 1e-12);
  EXPECT_EQ(layers.bytes, 0);
  TraceSummary::Part const& all_reduce = summary.parts.at("all_reduce");
  EXPECT_EQ(all_reduce.activity, Activity::communication);
  EXPECT_EQ(all_reduce.calls, 2);
  EXPECT_NEAR(all_reduce.seconds, 0.015, 1e-12);
  EXPECT_EQ(all_reduce.bytes, 96);
}

TEST(Trace, OfNoStepsIsEmpty) {
  TraceSummary const summary = summarise({});
  EXPECT_EQ(summary.steps, 0);
  EXPECT_EQ(summary.share(Activity::compute), 0);
}

TEST(Trace, RefusesToSummariseSpansOutsideAStep) {
  std::vector<Trace::Span> const lost = {span("layers", Activity::compute, 0, 1, -1)};
  EXPECT_THROW(summarise(lost), Error);
}

TEST(Trace, NestsSpansAsTheyAreOpenedAndClosed) {
  Queue queue(Backend::cpu);
  Trace trace;
  queue.record_trace(&trace);
  {
    TraceSpan const step(queue, Activity::step, "step", {"step", 7});
    {
      TraceSpan const outer(queue, Activity::compute, "outer");
      TraceSpan const inner(queue, Activity::communication, "inner");
      std::this_thread::sleep_for(milliseconds(1));
    }
    TraceSpan const next(queue, Activity::compute, "next");
  }
  queue.record_trace(nullptr);
  TraceSpan const unseen(queue, Activity::compute, "unseen");

  std::vector<Trace::Span> const& spans = trace.spans();
  ASSERT_EQ(spans.size(), 4u);
  std::vector<std::int64_t> parents;
  for (Trace::Span const& s : spans) {
    parents.push_back(s.parent);
    EXPECT_LE(s.begin, s.end);
    if (s.parent < 0) continue;
    EXPECT_GE(s.begin, spans[static_cast<std::size_t>(s.parent)].begin);
    EXPECT_LE(s.end, spans[static_cast<std::size_t>(s.parent)].end);
  }
  EXPECT_THAT(parents, ::testing::ElementsAre(-1, 0, 1, 0));
  EXPECT_GE(spans[2].end - spans[2].begin, milliseconds(1));
  EXPECT_EQ(spans[0].value.value, 7);
}

TEST(Trace, HasSpansOfOpsWhereItIsAskedFor) {
  for (auto const detail : {Trace::Detail::calls, Trace::Detail::ops}) {
    Queue queue(Backend::cpu);
    Trace trace(detail);
    queue.record_trace(&trace);
    {
      TraceSpan const step(queue, Activity::step, "step");
      OpSpan const op(queue, "gemm");
    }
    queue.record_trace(nullptr);
    OpSpan const unseen(queue, "gemm");
    ASSERT_EQ(trace.spans().size(), detail == Trace::Detail::ops ? 2u : 1u);
    if (detail == Trace::Detail::ops) {
      EXPECT_EQ(trace.spans()[1].activity, Activity::op);
      EXPECT_EQ(trace.spans()[1].parent, 0);
    }
  }
}

TEST(Trace, EndsSpansThatAnExceptionLeaves) {
  Queue queue(Backend::cpu);
  Trace trace;
  queue.record_trace(&trace);
  TraceSpan const step(queue, Activity::step, "step");
  try {
    TraceSpan const thrown(queue, Activity::compute, "thrown");
    throw Error("stop");
  } catch (Error const&) {
  }
  TraceSpan const after(queue, Activity::compute, "after");
  EXPECT_EQ(trace.spans().back().parent, 0);
}

}  // namespace
}  // namespace accord
