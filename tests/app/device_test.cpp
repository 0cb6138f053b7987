// Whole runs on the cuda backend, on a device emulated by the processor
// (tests/support/cuda_emulation).

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

using Metrics = std::map<std::int64_t, nlohmann::json>;

class OnADevice : public TemporaryFolder {
 protected:
  void TearDown() override {
    ::unsetenv("ACCORD_EMULATED_DEVICES");
    TemporaryFolder::TearDown();
  }
  void SetUp() override {
    ASSERT_EQ(accord_command(fmt::format("data synth --out '{}' --train 32 --held-out 8 --no-audio",
                                         (folder_ / "data").string()),
                             folder_ / "log"),
              0)
        << text_of(folder_ / "log");
  }

  std::string arguments(std::string const& name, std::string const& more) const {
    return fmt::format(
        "train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{1}/data/train' "
        "--set train.steps=3 --set train.global_batch=4 --set model.layers=2 "
        "--set log.directory='{2}' --set checkpoint.directory='{2}/checkpoints' "
        "--set checkpoint.every_steps=1 {3}",
        environment("ACCORD_SOURCE_DIR"), folder_.string(), (folder_ / name).string(), more);
  }

  /// The metrics of a run of three steps, or of what `more` says.
  Metrics train(std::string const& name, std::string const& more, int ranks = 0, int code = 0) {
    EXPECT_EQ(accord_command(arguments(name, more), folder_ / "log", ranks), code)
        << text_of(folder_ / "log");
    return metrics_of(folder_ / name / "metrics.jsonl");
  }

  /// From now on each rank on this machine has a device of its own, and they talk over NCCL.
  static void give_each_rank_a_device() { ::setenv("ACCORD_EMULATED_DEVICES", "4", 1); }

  /// The process that is rank `rank` of the run that writes to `folder_`.
  pid_t process_of(int rank) const {
    for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
      std::string const number = entry.path().filename();
      if (number.find_first_not_of("0123456789") != std::string::npos) continue;
      std::string const variable = fmt::format("OMPI_COMM_WORLD_RANK={}", rank);
      if (text_of(entry.path() / "cmdline").find(folder_.string()) != std::string::npos &&
          text_of(entry.path() / "environ").find(variable) != std::string::npos)
        return std::stoi(number);
    }
    return 0;
  }

  static void expect_near(Metrics const& got, Metrics const& want, double relative) {
    ASSERT_EQ(got.size(), want.size());
    for (auto const& [step, line] : want)
      for (char const* field : {"loss", "itc_loss", "dcl_vl_image_loss", "grad_norm"}) {
        double const value = line.at(field);
        EXPECT_NEAR(got.at(step).at(field).get<double>(), value, relative * std::abs(value))
            << field << " of step " << step;
      }
  }
};

}  // namespace

TEST_F(OnADevice, TrainsAsOnTheCpuOnOneRankAndOnTwo) {
  Metrics const one = train("one", "--device cuda");
  expect_near(one, train("cpu", "--device cpu"), 1e-4);
  expect_near(train("two", "--device cuda", 2), one, 1e-5);
}

TEST_F(OnADevice, TrainsInBfloat16AndResumesFromFloat32MastersBitByBit) {
  std::string const in_bfloat16 = "--device cuda --set train.dtype='\"bfloat16\"'";
  Metrics const whole = train("whole", in_bfloat16);
  // Rounding, which a narrow model with large weights carries far (docs/performance.md).
  expect_near(whole, train("cpu", "--device cpu"), 0.05);
  // After the first step: what the second makes of the masters, the third shows.
  constexpr int stopped = 75;
  train("parts", in_bfloat16 + " --set train.stop_after_step=1", 0, stopped);
  Metrics const parts = train("parts", in_bfloat16);
  ASSERT_EQ(parts.size(), whole.size());
  for (auto const& [step, line] : whole)
    for (auto const& [field, value] : line.items())
      if (!is_timing(field)) {
        EXPECT_EQ(parts.at(step).at(field), value) << field << " of step " << step;
      }
}

TEST_F(OnADevice, TrainsOverNcclAsOnTheCpu) {
  give_each_rank_a_device();
  std::string const small = " --set model.layers=4 --set train.steps=2";
  std::string const checked = small + " --device cuda --set parallel.check_collectives=true";
  Metrics const cpu = train("cpu", "--device cpu" + small);
  expect_near(train("tensor", "--set parallel.tensor=2 --set parallel.sequence=true" + checked, 2),
              cpu, 1e-4);
  expect_near(train("pipeline",
                    "--set parallel.pipeline=2 --set parallel.virtual_stages=2 "
                    "--set parallel.schedule='\"interleaved\"' --set train.micro_batch=2" +
                        checked,
                    2),
              cpu, 1e-4);
  expect_near(train("data_and_tensor", "--set parallel.tensor=2" + checked, 4), cpu, 1e-4);
}

TEST_F(OnADevice, EndsWhenARankDiesThatOthersWaitForOverNccl) {
  give_each_rank_a_device();
  BackgroundProgram program(
      arguments("run", "--device cuda --set train.steps=1000 --set parallel.tensor=2"),
      folder_ / "log", 2);
  auto const metrics = [&] { return metrics_of(folder_ / "run" / "metrics.jsonl"); };
  auto const wait_while = [](auto const& condition) {
    auto const begin = std::chrono::steady_clock::now();
    while (condition() && std::chrono::steady_clock::now() - begin < std::chrono::seconds{60})
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
  };
  wait_while([&] { return program.running() && metrics().empty(); });
  pid_t const victim = process_of(1);
  ASSERT_GT(victim, 0) << text_of(folder_ / "log");
  ::kill(victim, SIGKILL);
  wait_while([&] { return program.running(); });
  EXPECT_FALSE(program.running());
  EXPECT_LT(metrics().size(), 1000u);
}
