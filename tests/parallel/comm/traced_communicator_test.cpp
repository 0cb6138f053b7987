#include "parallel/comm/traced_communicator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/tensor/tensor.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/parallel/comm/collective_checks.hpp"

namespace accord::parallel {
namespace {

using ::testing::ElementsAre;

TEST(TracedCommunicator, PassesCallsOnWithATraceAndWithout) {
  ThreadGroup(3).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    TracedCommunicator group(world.split(0, world.rank()), "data", {});
    check_sums_run_in_rank_order(queue, group);
    check_maximum(queue, group);
    check_gather_broadcast_and_barrier(queue, group);
    check_ring(queue, group);
    check_requests_overlap(queue, group);
    check_started_all_reduces(queue, group);
    check_all_reduces_started_apart(queue, group);
  });
}

TEST(TracedCommunicator, NotesEachCallWithItsBytes) {
  ThreadGroup(2).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    TracedCommunicator group(world.split(0, world.rank()), "tensor", {});
    Trace trace;
    queue.record_trace(&trace);
    Tensor x = Tensor::zeros(queue, DType::float32, Shape{4}), half(queue, DType::float32, {2});
    {
      TraceSpan const step(queue, Activity::step, "step");
      group.all_reduce(queue, x);
      auto const request = group.start_reduce_scatter(queue, x, half);
      request->wait(queue);
      group.start_all_reduce(queue, half)->wait(queue);
    }
    std::vector<std::string> names;
    std::vector<std::int64_t> bytes;
    for (Trace::Span const& span : trace.spans()) {
      names.emplace_back(span.name);
      bytes.push_back(span.value.value);
    }
    EXPECT_THAT(names,
                ElementsAre("step", "tensor all_reduce", "tensor reduce_scatter",
                            "tensor reduce_scatter", "tensor all_reduce", "tensor all_reduce"));
    EXPECT_THAT(bytes, ElementsAre(0, 16, 16, 0, 8, 0));
    ASSERT_EQ(trace.transfers().size(), 2u);
    EXPECT_STREQ(trace.transfers()[0].name, "tensor reduce_scatter");
    EXPECT_STREQ(trace.transfers()[1].name, "tensor all_reduce");
    TraceSummary const summary = summarise(trace.spans());
    EXPECT_EQ(summary.parts.at("tensor reduce_scatter").bytes, 16);
    queue.record_trace(nullptr);
  });
}

TEST(TracedCommunicator, CountsItsTimeAsWhatItIsToldTo) {
  ThreadGroup(2).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    TracedCommunicator group(
        world.split(0, world.rank()), "pipeline",
        {.in_collectives = Activity::storage, .for_messages = Activity::bubble});
    Trace trace;
    queue.record_trace(&trace);
    Tensor x = Tensor::zeros(queue, DType::float64, Shape{3});
    bool const sends = group.rank() == 0;
    group.start_send_receive(queue, x, sends ? 1 : -1, x, sends ? -1 : 0)->wait(queue);
    group.broadcast(queue, x, 0);
    group.barrier(queue);
    queue.record_trace(nullptr);
    std::vector<Activity> activities;
    for (Trace::Span const& span : trace.spans()) activities.push_back(span.activity);
    EXPECT_THAT(activities, ElementsAre(Activity::bubble, Activity::bubble, Activity::storage,
                                        Activity::storage));
  });
}

TEST(TracedCommunicator, NotesATransferOnceWhenItIsSeenToBeDone) {
  ThreadGroup(2).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    TracedCommunicator group(world.split(0, world.rank()), "pipeline", {});
    Trace trace;
    queue.record_trace(&trace);
    Tensor x = Tensor::zeros(queue, DType::float64, Shape{3});
    if (group.rank() == 0) {
      auto const request = group.start_send_receive(queue, x, 1, {}, -1);
      while (!request->done(queue)) {
      }
      ASSERT_EQ(trace.transfers().size(), 1u);
      EXPECT_EQ(trace.transfers()[0].value.value, 24);
      EXPECT_TRUE(request->done(queue));
      request->wait(queue);
      EXPECT_EQ(trace.transfers().size(), 1u);
    } else {
      group.start_send_receive(queue, {}, -1, x, 0)->wait(queue);
    }
    queue.record_trace(nullptr);
  });
}

TEST(TracedCommunicator, LeavesOutTransfersThatBeganBeforeTheTrace) {
  ThreadGroup(2).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    TracedCommunicator group(world.split(0, world.rank()), "data", {});
    Tensor x = Tensor::zeros(queue, DType::float64, Shape{2}), part(queue, DType::float64, {1});
    auto const request = group.start_reduce_scatter(queue, x, part);
    Trace trace;
    queue.record_trace(&trace);
    request->wait(queue);
    EXPECT_EQ(trace.spans().size(), 1u);
    EXPECT_TRUE(trace.transfers().empty());
    queue.record_trace(nullptr);
  });
}

}  // namespace
}  // namespace accord::parallel
