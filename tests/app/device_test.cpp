// Whole runs on the cuda backend, on a device emulated by the processor
// (tests/support/cuda_emulation).

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

using Metrics = std::map<std::int64_t, nlohmann::json>;

class OnADevice : public TemporaryFolder {
 protected:
  void SetUp() override {
    ASSERT_EQ(accord_command(fmt::format("data synth --out '{}' --train 32 --held-out 8 --no-audio",
                                         (folder_ / "data").string()),
                             folder_ / "log"),
              0)
        << text_of(folder_ / "log");
  }

  /// The metrics of a run of three steps, or of what `more` says.
  Metrics train(std::string const& name, std::string const& more, int ranks = 0, int code = 0) {
    std::filesystem::path const run = folder_ / name;
    std::string const arguments = fmt::format(
        "train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{1}/data/train' "
        "--set train.steps=3 --set train.global_batch=4 --set model.layers=2 "
        "--set log.directory='{2}' --set checkpoint.directory='{2}/checkpoints' "
        "--set checkpoint.every_steps=1 {3}",
        environment("ACCORD_SOURCE_DIR"), folder_.string(), run.string(), more);
    EXPECT_EQ(accord_command(arguments, folder_ / "log", ranks), code) << text_of(folder_ / "log");
    return metrics_of(run / "metrics.jsonl");
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
