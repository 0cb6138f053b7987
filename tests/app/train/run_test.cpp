// What a run leaves and how it ends, through the whole program.

#include <gtest/gtest.h>

#include <random>

#include "io/dataset/png_encode.hpp"
#include "io/file/file.hpp"
#include "io/shard/dataset_index.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

class Run : public TemporaryFolder {
 protected:
  void SetUp() override { add_samples(0, 50); }

  /// Pictures of noise, each with a caption, to the dataset.
  void add_samples(int first, int count) {
    fs::path const from = folder_ / fmt::format("from-{}", first);
    fs::create_directories(from);
    for (int i = first; i < first + count; ++i) {
      std::mt19937 random(static_cast<unsigned>(i));
      std::vector<std::uint8_t> pixels(16 * 16 * 3);
      for (std::uint8_t& value : pixels) value = static_cast<std::uint8_t>(random());
      auto const png = io::encode_png(pixels, 16, 16);
      write_file(from / fmt::format("{}.png", i),
                 {reinterpret_cast<char const*>(png.data()), png.size()});
      write_file(from / fmt::format("{}.txt", i), fmt::format("caption number {}", i));
    }
    ASSERT_EQ(accord_command(fmt::format("data build --from '{}' --out '{}' --append",
                                         from.string(), data_.string()),
                             log_),
              0)
        << text_of(log_);
  }
  int train(std::string const& run, std::string const& more) const {
    return accord_command(
        fmt::format("train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{1}' --set "
                    "train.global_batch=16 --set log.directory='{2}' --set "
                    "checkpoint.directory='{2}/checkpoints' {3}",
                    environment("ACCORD_SOURCE_DIR"), data_.string(), (folder_ / run).string(),
                    more),
        log_, 1);
  }
  auto metrics(std::string const& run) const { return metrics_of(folder_ / run / "metrics.jsonl"); }

  fs::path data_ = folder_ / "data", log_ = folder_ / "log";
};

}  // namespace

TEST_F(Run, StopsAtTheStepItWasToldToHoweverOftenItIsAsked) {
  for (int times = 0; times < 3; ++times) {
    EXPECT_EQ(train("run", "--set train.steps=4 --set train.stop_after_step=2"), 75)
        << text_of(log_);
    EXPECT_EQ(metrics("run").size(), 2u);
  }
  EXPECT_EQ(train("run", "--set train.steps=4"), 0) << text_of(log_);
  EXPECT_EQ(metrics("run").size(), 4u);
}

TEST_F(Run, ThatDidItsLastStepIsDoneWhateverAsksItToStop) {
  EXPECT_EQ(train("run", "--set train.steps=2 --set train.stop_before_seconds=0.001"), 75)
      << text_of(log_);
  EXPECT_EQ(train("run", "--set train.steps=2 --set train.stop_before_seconds=0.001"), 0)
      << text_of(log_);
}

TEST_F(Run, KeepsItsScheduleAndItsEpochWhenDataAreAppended) {
  std::string const epochs = "--set train.steps=0 --set train.epochs=2 --set train.dtype=float64 ";
  ASSERT_EQ(train("whole", epochs), 0) << text_of(log_);
  ASSERT_EQ(train("grown", epochs + "--set train.stop_after_step=1"), 75) << text_of(log_);
  add_samples(50, 40);
  ASSERT_EQ(train("grown", epochs), 0) << text_of(log_);
  auto const want = metrics("whole"), got = metrics("grown");
  ASSERT_EQ(want.size(), 6u);
  ASSERT_EQ(got.size(), 6u);
  for (auto const& [step, line] : want)
    for (auto const& [field, value] : line.items())
      if (field == "learning_rate" || (step <= 3 && !is_timing(field))) {
        EXPECT_EQ(got.at(step).at(field), value) << field << " of step " << step;
      }
  EXPECT_NE(got.at(4).at("loss"), want.at(4).at("loss"));  // the next epoch has the new ones
}

// What a sigmoid contrast learns beside the model is saved and taken up with it.
TEST_F(Run, BySigmoidGoesOnWhereItStopped) {
  std::string const sigmoid =
      "--set objective.itc.kind=sigmoid_contrast --set train.steps=4 --set train.dtype=float64 ";
  ASSERT_EQ(train("whole", sigmoid), 0) << text_of(log_);
  ASSERT_EQ(train("stopped", sigmoid + "--set train.stop_after_step=2"), 75) << text_of(log_);
  ASSERT_EQ(train("stopped", sigmoid), 0) << text_of(log_);
  auto const want = metrics("whole"), got = metrics("stopped");
  ASSERT_EQ(want.size(), 4u);
  for (auto const& [step, line] : want)
    for (auto const& [field, value] : line.items())
      if (!is_timing(field)) {
        EXPECT_EQ(got.at(step).at(field), value) << field << " of step " << step;
      }
  EXPECT_NEAR(want.at(1).at("logit_scale").get<double>(), 10, 1e-12);
  EXPECT_EQ(want.at(1).at("logit_bias"), -10);
  EXPECT_NE(want.at(4).at("logit_scale"), want.at(2).at("logit_scale"));
  EXPECT_NE(want.at(4).at("logit_bias"), want.at(2).at("logit_bias"));
  EXPECT_TRUE(want.at(4).contains("i2t_accuracy") && want.at(4).contains("t2i_accuracy"));
}

TEST_F(Run, ListsTheSamplesItReplacedAlsoWhenItWasInterrupted) {
  io::DatasetIndex const index = io::read_index(data_);
  io::Extent const blob = index.shards[0].modalities[0].bytes;
  std::byte const zero{};
  io::File::open_write(data_ / index.shards[0].file)
      .write_at(blob.offset + blob.bytes / 2, {&zero, 1});
  ASSERT_EQ(train("whole", "--set train.steps=6"), 0) << text_of(log_);
  std::string const list = text_of(folder_ / "whole" / "skipped.jsonl");
  EXPECT_NE(list.find("\"key\":\""), std::string::npos) << list;
  EXPECT_NE(list.find("checksum"), std::string::npos) << list;
  EXPECT_NE(text_of(log_).find("took another sample"), std::string::npos) << text_of(log_);
  for (int step : {1, 3, 6})
    train("stopped",
          fmt::format("--set train.steps=6 --set train.stop_after_step={} --set log.every_steps=4",
                      step));
  EXPECT_EQ(text_of(folder_ / "stopped" / "skipped.jsonl"), list);
}

TEST_F(Run, RefusesToStartFromPartOfAModel) {
  ASSERT_EQ(train("source", "--set train.steps=1"), 0) << text_of(log_);
  std::string const from =
      fmt::format("--set train.steps=1 --set train.init_from='{}' ",
                  (folder_ / "source" / "checkpoints" / "step-00000001").string());
  EXPECT_EQ(train("deeper", from + "--set model.layers=5"), 65);
  EXPECT_NE(text_of(log_).find("layers.4."), std::string::npos) << text_of(log_);
  EXPECT_EQ(train("same", from), 0) << text_of(log_);
}

TEST_F(Run, SaysWhenItGoesOnUnderOtherConditions) {
  ::setenv("OMP_NUM_THREADS", "1", 1);
  ASSERT_EQ(train("run", "--set train.steps=2 --set train.stop_after_step=1"), 75);
  EXPECT_EQ(text_of(log_).find("equal to rounding"), std::string::npos) << text_of(log_);
  std::string const checkpoint = (folder_ / "run" / "checkpoints").string();
  ASSERT_EQ(accord_command(fmt::format("checkpoint inspect '{}'", checkpoint), log_), 0);
  for (char const* name : {"program", "device", "processor", "threads", "layout"})
    EXPECT_NE(text_of(log_).find(name), std::string::npos) << text_of(log_);
  ::setenv("OMP_NUM_THREADS", "2", 1);
  EXPECT_EQ(train("run", "--set train.steps=2"), 0) << text_of(log_);
  EXPECT_NE(text_of(log_).find("threads was '1', is '2': goes on equal to rounding"),
            std::string::npos)
      << text_of(log_);
}
