// Killed at random moments and started again, a run gives bitwise the metrics of one that never
// stopped (docs/model.md 9.3).

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "io/checkpoint/directory.hpp"
#include "io/checkpoint/verify.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

std::size_t line_count(fs::path const& file) {
  std::string const text = text_of(file);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

class Resume : public TemporaryFolder {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        accord_command(fmt::format("data synth --out '{}' --train 200 --held-out 200 --no-audio",
                                   (folder_ / "data").string()),
                       folder_ / "synth.log"),
        0)
        << text_of(folder_ / "synth.log");
  }
  std::string arguments(fs::path const& run, std::string const& more = "") const {
    return fmt::format(
        "train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{1}/data/train' --set "
        "train.steps=24 "
        "--set train.global_batch=16 --set log.directory='{2}' --set "
        "checkpoint.directory='{2}/checkpoints' "
        "--set checkpoint.every_steps=3 --set parallel.check_collectives=true {3}",
        environment("ACCORD_SOURCE_DIR"), folder_.string(), run.string(), more);
  }
  void expect_same_metrics(fs::path const& got, fs::path const& want) {
    auto const a = metrics_of(got / "metrics.jsonl"), b = metrics_of(want / "metrics.jsonl");
    ASSERT_EQ(a.size(), b.size());
    for (auto const& [step, line] : b)
      for (auto const& [field, value] : line.items())
        if (!is_timing(field)) {
          EXPECT_EQ(a.at(step).at(field), value) << field << " of step " << step;
        }
  }
};

}  // namespace

TEST_F(Resume, AfterKillsGivesTheSameMetricsBitByBit) {
  constexpr unsigned seed = 20240607;
  fs::path const whole = folder_ / "whole", killed = folder_ / "killed", log = folder_ / "log";
  ASSERT_EQ(accord_command(arguments(whole), log, 2), 0) << text_of(log);

  // Each kill comes at a random moment after a random step further on, wherever a slow or fast
  // machine has got to then.
  std::mt19937 random(seed);
  auto uniform = [&](int low, int high) {
    return std::uniform_int_distribution<>(low, high)(random);
  };
  int kills = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    std::size_t const step = static_cast<std::size_t>(uniform(4 * attempt + 1, 4 * attempt + 3));
    BackgroundProgram program(arguments(killed), log, 2);
    while (program.running() && line_count(killed / "metrics.jsonl") < step)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::microseconds(uniform(0, 20000)));
    kills += program.running();
  }
  EXPECT_GT(kills, 2) << "the run ended before it could be killed";
  ASSERT_EQ(accord_command(arguments(killed), log, 2), 0) << text_of(log);
  expect_same_metrics(killed, whole);
}

TEST_F(Resume, AfterStopsAtAStepAtAnotherNumberOfRanksGoesOn) {
  fs::path const whole = folder_ / "whole", stopped = folder_ / "stopped", log = folder_ / "log";
  std::string const wide = "--set train.dtype=float64";
  ASSERT_EQ(accord_command(arguments(whole, wide), log, 2), 0) << text_of(log);
  ASSERT_EQ(accord_command(arguments(stopped, wide + " --set train.stop_after_step=7"), log, 1), 75)
      << text_of(log);
  ASSERT_EQ(accord_command(arguments(stopped, wide + " --set train.stop_after_step=16"), log, 4),
            75)
      << text_of(log);
  ASSERT_EQ(accord_command(arguments(stopped, wide), log, 2), 0) << text_of(log);
  auto const a = metrics_of(stopped / "metrics.jsonl"), b = metrics_of(whole / "metrics.jsonl");
  ASSERT_EQ(a.size(), 24u);
  for (auto const& [step, line] : b)
    EXPECT_NEAR(a.at(step).at("loss").get<double>(), line.at("loss").get<double>(), 1e-9) << step;
}

namespace {

constexpr char const* stages_and_tensor =
    " --set parallel.pipeline=2 --set parallel.tensor=2 --set parallel.sequence=true --set "
    "parallel.zero=1 --set train.micro_batch=4 --set train.steps=12";

}  // namespace

TEST_F(Resume, AcrossLayoutsOfEveryKindGoesOn) {
  fs::path const whole = folder_ / "whole", stopped = folder_ / "stopped", log = folder_ / "log";
  std::string const wide = "--set train.dtype=float64 --set train.steps=12";
  ASSERT_EQ(accord_command(arguments(whole, wide), log, 1), 0) << text_of(log);
  struct Part {
    int stop, ranks;
    std::string layout;
  };
  for (Part const& part :
       {Part{3, 1, ""}, Part{6, 4, stages_and_tensor},
        Part{9, 4, " --set parallel.pipeline=2 --set parallel.stage_layers=[1,3]"},
        Part{12, 1, ""}})
    ASSERT_EQ(accord_command(
                  arguments(stopped, wide + part.layout +
                                         fmt::format(" --set train.stop_after_step={}", part.stop)),
                  log, part.ranks),
              part.stop < 12 ? 75 : 0)
        << text_of(log);
  auto const a = metrics_of(stopped / "metrics.jsonl"), b = metrics_of(whole / "metrics.jsonl");
  ASSERT_EQ(a.size(), 12u);
  for (auto const& [step, line] : b)
    for (auto const& [field, value] : line.items()) {
      if (is_timing(field) || !value.is_number()) continue;
      double const want = value.get<double>();
      EXPECT_NEAR(a.at(step).at(field).get<double>(), want, 1e-10 * std::abs(want))
          << field << " of step " << step;
    }
  auto const last = [](fs::path const& run) {
    return io::open_checkpoint(run / "checkpoints" / "step-00000012");
  };
  io::CheckpointDistance const found = io::distance(last(stopped), last(whole), {});
  EXPECT_TRUE(found.differences.empty());
  for (io::TensorDistance const& tensor : found.tensors)
    EXPECT_LE(tensor.relative, 1e-10) << tensor.tensor;
}

TEST_F(Resume, OfStagesAndTensorParallelGivesTheSameMetricsBitByBit) {
  fs::path const whole = folder_ / "whole", stopped = folder_ / "stopped", log = folder_ / "log";
  ASSERT_EQ(accord_command(arguments(whole, stages_and_tensor), log, 4), 0) << text_of(log);
  ASSERT_EQ(accord_command(arguments(stopped, std::string(stages_and_tensor) +
                                                  " --set train.stop_after_step=5"),
                           log, 4),
            75)
      << text_of(log);
  ASSERT_EQ(accord_command(arguments(stopped, stages_and_tensor), log, 4), 0) << text_of(log);
  expect_same_metrics(stopped, whole);
}
