// Whole runs on the cuda backend, on a device emulated by the processor
// (tests/support/cuda_emulation).

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
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

TEST_F(OnADevice, TimesAlgorithmsOnceForAllRanksAndKeepsThem) {
  auto const file = [&](std::string const& run) {
    return folder_ / run / "checkpoints/algorithms.json";
  };
  auto const stored = [&](std::string const& run, int step) {
    auto const manifest = nlohmann::json::parse(
        text_of(folder_ / run / fmt::format("checkpoints/step-{:08}/manifest.json", step)));
    return manifest.at("checkpoint").at("algorithms");
  };
  constexpr int stopped = 75;
  std::string const cuda = "--device cuda ", first = cuda + "--set train.stop_after_step=1";
  train("run", first, 2, stopped);
  std::string const timed = text_of(file("run"));
  EXPECT_GT(nlohmann::json::parse(timed).at("gemm").size(), 20u);
  EXPECT_EQ(stored("run", 1), nlohmann::json::parse(timed));

  // A resumed run takes the checkpoint's, whatever has become of the file.
  std::filesystem::remove(file("run"));
  train("run", cuda, 2);
  EXPECT_FALSE(std::filesystem::exists(file("run")));
  EXPECT_EQ(stored("run", 3), nlohmann::json::parse(timed));

  // Another layout has other products: they are timed too, beside those known.
  train("run", cuda + "--set train.steps=4");
  auto const grown = stored("run", 4).at("gemm");
  EXPECT_EQ(stored("run", 4), nlohmann::json::parse(text_of(file("run"))));
  for (auto const& choice : nlohmann::json::parse(timed).at("gemm"))
    EXPECT_TRUE(std::find(grown.begin(), grown.end(), choice) != grown.end()) << choice;

  // A run that begins anew takes the file's, unless they are of another device.
  auto json = nlohmann::json::parse(timed);
  json["device"] = "another device";
  std::filesystem::create_directories(file("moved").parent_path());
  std::ofstream(file("moved")) << json;
  train("moved", first, 2, stopped);
  EXPECT_NE(text_of(folder_ / "log").find("algorithms.json: timed on another device with "),
            std::string::npos)
      << text_of(folder_ / "log");
  EXPECT_EQ(nlohmann::json::parse(text_of(file("moved"))), nlohmann::json::parse(timed));

  std::filesystem::create_directories(file("broken").parent_path());
  constexpr int data_error = 65;
  for (std::string const& text : {timed.substr(0, timed.size() / 2), std::string("{}")}) {
    std::ofstream(file("broken")) << text;
    train("broken", first, 0, data_error);
    EXPECT_NE(text_of(folder_ / "log").find("algorithms.json: "), std::string::npos)
        << text_of(folder_ / "log");
  }
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
  wait_while([&] { return program.running() && metrics().empty(); }, std::chrono::seconds{60});
  pid_t const victim = process_of(1, folder_);
  ASSERT_GT(victim, 0) << text_of(folder_ / "log");
  ::kill(victim, SIGKILL);
  wait_while([&] { return program.running(); }, std::chrono::seconds{60});
  EXPECT_FALSE(program.running());
  EXPECT_LT(metrics().size(), 1000u);
}
