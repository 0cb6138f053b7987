// The timelines of a run on two stages and two replicas, as `accord train` writes them.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

class TracedRun : public TemporaryFolder {
 protected:
  nlohmann::json json(std::string const& name) {
    return nlohmann::json::parse(text_of(folder_ / "run" / "trace" / name));
  }
};

/// Whether each span lies inside the one around it; times are rounded to nanoseconds.
void expect_nested(nlohmann::json const& events) {
  std::vector<double> ends;  // of the open spans
  for (auto const& event : events) {
    if (event.at("ph") != "X") continue;
    double const begin = event.at("ts"), end = begin + event.at("dur").get<double>();
    while (!ends.empty() && begin >= ends.back() - 0.002) ends.pop_back();
    if (!ends.empty()) {
      EXPECT_LE(end, ends.back() + 0.002) << event;
    }
    ends.push_back(end);
  }
}

TEST_F(TracedRun, HasATimelineOfEachRankAndSaysWhereTheTimeWent) {
  ASSERT_EQ(accord_command(fmt::format("data synth --out '{}' --train 200 --held-out 20 --no-audio",
                                       (folder_ / "data").string()),
                           folder_ / "synth.log"),
            0)
      << text_of(folder_ / "synth.log");
  std::string const run = (folder_ / "run").string();
  ASSERT_EQ(accord_command(
                fmt::format("train --config '{0}/jobs/configs/tiny-vl.toml' --set "
                            "data.train='{1}/data/train' --set train.steps=4 --set "
                            "train.micro_batch=8 --set parallel.pipeline=2 --set parallel.zero=1 "
                            "--set log.trace=true --set log.trace_steps=2 --set "
                            "log.directory='{2}' --set checkpoint.directory='{2}/checkpoints'",
                            environment("ACCORD_SOURCE_DIR"), folder_.string(), run),
                folder_ / "train.log", 4),
            0)
      << text_of(folder_ / "train.log");
  EXPECT_NE(text_of(folder_ / "train.log").find("Trace of 2 steps from step 2 on, 4 ranks"),
            std::string::npos);

  nlohmann::json const summary = json("summary.json");
  for (int rank = 0; rank < 4; ++rank) {
    nlohmann::json const events = json(fmt::format("rank-{:04}.json", rank)).at("traceEvents");
    expect_nested(events);
    auto const has = [&](std::string const& name) {
      return std::any_of(events.begin(), events.end(),
                         [&](auto const& event) { return event.at("name") == name; });
    };
    bool const last_stage = rank % 2 == 1;
    for (char const* name : {"step", "first pass", "forward", "layers", "layers backward",
                             "optimizer", "data reduce_scatter", "pipeline send_receive"})
      EXPECT_TRUE(has(name)) << name << " of rank " << rank;
    EXPECT_EQ(has("embed"), !last_stage);
    EXPECT_EQ(has("contrast"), last_stage);
    EXPECT_EQ(has("decoder"), last_stage);

    nlohmann::json const mine = summary.at("ranks").at(static_cast<std::size_t>(rank));
    EXPECT_EQ(mine.at("steps"), 2);
    EXPECT_GT(mine.at("activities").at("bubble"), 0);
    EXPECT_GT(mine.at("activities").at("communication"), 0);
    EXPECT_LT(mine.at("activities").at("bubble"), mine.at("seconds"));
  }
}

}  // namespace
