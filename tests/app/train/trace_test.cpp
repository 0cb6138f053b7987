#include "app/train/trace.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/file/file.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::app {
namespace {

using ::testing::HasSubstr;

class RunTraces : public TemporaryFolder {
 protected:
  /// Two ranks make `steps` steps, of which rank 1 spends one part in communication.
  void run(LogConfig log, int steps) {
    log.directory = folder_.string();
    parallel::ThreadGroup(2).run([&](parallel::GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      RunTrace trace(log, queue, world, {.data = world.rank()});
      for (int step = 5; step < 5 + steps; ++step) {
        trace.next_step(step);
        TraceSpan const layers(queue, Activity::compute, "layers", {"micro_batch", 0});
        if (world.rank() == 1)
          TraceSpan const sends(queue, Activity::communication, "send", {"bytes", 10});
      }
      trace.finish();
      EXPECT_EQ(queue.trace(), nullptr);
      if (world.rank() == 0) report_ = trace.report();
    });
  }
  nlohmann::json json(std::string const& name) {
    return nlohmann::json::parse(io::read_file(folder_ / "trace" / name));
  }
  std::vector<nlohmann::json> spans(int rank, std::string const& name) {
    nlohmann::json const trace = json(fmt::format("rank-{:04}.json", rank));
    std::vector<nlohmann::json> found;
    for (auto const& event : trace.at("traceEvents"))
      if (event.at("ph") == "X" && event.at("name") == name) found.push_back(event);
    return found;
  }

  std::string report_;
};

LogConfig traced(Index skip, Index steps) {
  LogConfig log;
  log.trace = true;
  log.trace_skip = skip;
  log.trace_steps = steps;
  return log;
}

TEST_F(RunTraces, HoldTheStepsOfTheWindowAndNoOthers) {
  run(traced(1, 2), 6);
  std::vector<nlohmann::json> const steps = spans(1, "step");
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].at("args").at("step"), 6);
  EXPECT_EQ(steps[1].at("args").at("step"), 7);
  EXPECT_EQ(spans(1, "send").size(), 2u);
  EXPECT_EQ(spans(1, "send")[0].at("args").at("bytes"), 10);
  EXPECT_EQ(spans(1, "send")[0].at("cat"), "communication");
  EXPECT_TRUE(spans(0, "send").empty());
}

TEST_F(RunTraces, EndWithTheRunWhereItIsShorterThanTheWindow) {
  run(traced(0, 100), 3);
  EXPECT_EQ(spans(0, "step").size(), 3u);
  EXPECT_THAT(report_, HasSubstr("Trace of 3 steps from step 5 on, 2 ranks"));
}

TEST_F(RunTraces, SummariseEveryRank) {
  run(traced(0, 2), 2);
  nlohmann::json const summary = json("summary.json");
  EXPECT_EQ(summary.at("first_step"), 5);
  ASSERT_EQ(summary.at("ranks").size(), 2u);
  for (auto const& rank : summary.at("ranks")) {
    EXPECT_EQ(rank.at("steps"), 2);
    double sum = 0;
    for (auto const& [activity, seconds] : rank.at("activities").items()) {
      EXPECT_GE(seconds.get<double>(), 0) << activity;
      sum += seconds.get<double>();
    }
    EXPECT_NEAR(sum, rank.at("seconds").get<double>(), 1e-12);
  }
  EXPECT_EQ(summary["ranks"][1]["parts"]["send"]["bytes"], 20);
  EXPECT_FALSE(summary["ranks"][0]["parts"].contains("send"));
}

TEST_F(RunTraces, AreNotWrittenUnasked) {
  run(LogConfig{}, 3);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "trace"));
  EXPECT_EQ(report_, "");
}

TEST_F(RunTraces, ReplaceThoseOfAnEarlierRun) {
  std::filesystem::create_directories(folder_ / "trace");
  io::write_file_atomically(folder_ / "trace" / "rank-0007.json", "{}");
  run(traced(0, 1), 1);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "trace" / "rank-0007.json"));
}

TEST(ChromeTrace, ShowsSpansInsideEachOtherAndTransfersBesideThem) {
  Queue queue(Backend::cpu);
  Trace trace;
  queue.record_trace(&trace);
  auto const began = trace.now();
  {
    TraceSpan const step(queue, Activity::step, "step", {"step", 1});
    TraceSpan const inner(queue, Activity::bubble, "receive");
  }
  trace.add_transfer("send_receive", {"bytes", 8}, began);
  queue.record_trace(nullptr);
  auto const events = nlohmann::json::parse(to_chrome_json(trace, 3, "rank 3")).at("traceEvents");
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0].at("args").at("name"), "rank 3");
  auto const &outer = events[1], &inner = events[2];
  EXPECT_LE(outer.at("ts"), inner.at("ts"));
  EXPECT_GE(outer.at("ts").get<double>() + outer.at("dur").get<double>() + 0.002,
            inner.at("ts").get<double>() + inner.at("dur").get<double>());
  EXPECT_EQ(events[3].at("ph"), "b");
  EXPECT_EQ(events[4].at("ph"), "e");
  EXPECT_EQ(events[3].at("id"), events[4].at("id"));
  for (auto const& event : events) EXPECT_EQ(event.at("pid"), 3);
}

TEST(TraceTable, GivesSharesOfTheTimeAndPartsPerStep) {
  TraceSummary one;
  one.steps = 2;
  one.seconds = 0.2;
  one.seconds_of = {{Activity::compute, 0.15}, {Activity::bubble, 0.05}};
  one.parts["layers"] = {Activity::compute, 4, 0.15, 0};
  one.parts["pipeline send_receive"] = {Activity::bubble, 6, 0.05, 3000000};
  TraceSummary other = one;
  other.seconds_of = {{Activity::compute, 0.2}};
  other.parts = {{"layers", {Activity::compute, 4, 0.2, 0}}};
  std::string const table = to_table({one, other});
  EXPECT_THAT(
      table,
      HasSubstr("compute                          87.5 %    75.0 % rank 0   100.0 % rank 1"));
  EXPECT_THAT(
      table,
      HasSubstr("pipeline bubble                  12.5 %     0.0 % rank 1    25.0 % rank 0"));
  EXPECT_THAT(
      table,
      HasSubstr("layers                             87.500          2.0               compute"));
  EXPECT_THAT(
      table,
      HasSubstr("pipeline send_receive              12.500          1.5        0.750  bubble"));
}

}  // namespace
}  // namespace accord::app
