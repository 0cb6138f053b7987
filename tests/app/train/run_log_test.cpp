#include "app/train/run_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/file/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RunLogTest : public TemporaryFolder {
 protected:
  RunLog log(bool writes = true) {
    return {folder_ / "run", writes,
            [this](std::string const& text) { announced_.push_back(text); }};
  }
  std::string text_of(char const* name) { return io::read_file(folder_ / "run" / name); }
  std::vector<std::string> events() {
    std::vector<std::string> texts;
    for (io::Event const& event : io::RunFolder(folder_ / "run").events())
      texts.push_back(std::to_string(event.step) + " " + event.text);
    return texts;
  }
  static io::SkippedSample skipped(std::uint64_t position) {
    return {position, "pairs", "key", 0, "torn"};
  }

  std::vector<std::string> announced_;
};

TEST_F(RunLogTest, WritesNothingOnOtherRanks) {
  RunLog other = log(false);
  other.begin("", "a", 0, true, "started");
  other.metrics({{"step", std::int64_t{1}}});
  other.validation({{"step", std::int64_t{1}}});
  other.skipped({skipped(1)}, 4);
  other.event(1, "saved");
  other.end({1, "", "finished"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
  EXPECT_THAT(announced_, IsEmpty());
}

TEST_F(RunLogTest, LeavesWhatOthersRead) {
  RunLog run = log();
  run.begin("[train]\n", "a", 0, true, "started");
  run.metrics({{"step", std::int64_t{1}}, {"loss", 2.5}});
  run.validation({{"step", std::int64_t{1}}, {"i2t_r1", 50.0}});
  run.event(1, "saved somewhere");
  EXPECT_EQ(io::RunFolder(folder_ / "run").record(), std::nullopt);
  run.end({1, "somewhere", "finished"});
  EXPECT_EQ(text_of("config.toml"), "[train]\n");
  EXPECT_EQ(text_of("metrics.jsonl"), "{\"step\": 1, \"loss\": 2.5}\n");
  EXPECT_EQ(text_of("validation.jsonl"), "{\"step\": 1, \"i2t_r1\": 50.0}\n");
  // TensorBoard gets both, the one under a name of its own.
  EXPECT_THAT(text_of(io::event_file_name), HasSubstr("loss"));
  EXPECT_THAT(text_of(io::event_file_name), HasSubstr("validation/i2t_r1"));
  EXPECT_THAT(events(), ElementsAre("0 started", "1 saved somewhere", "1 finished"));
  EXPECT_EQ(io::RunFolder(folder_ / "run").record()->checkpoint, "somewhere");
}

TEST_F(RunLogTest, ContinuesAfterTheStepOfTheCheckpoint) {
  {
    RunLog run = log();
    run.begin("", "a", 0, false, "started");
    for (std::int64_t step : {1, 2, 3}) run.metrics({{"step", step}});
  }
  RunLog run = log();
  run.begin("", "a", 2, false, "resumed");
  run.metrics({{"step", std::int64_t{3}}, {"loss", 1.0}});
  EXPECT_EQ(text_of("metrics.jsonl"),
            "{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3, \"loss\": 1.0}\n");
  EXPECT_THAT(announced_, IsEmpty());
}

TEST_F(RunLogTest, SetsAsideWhatAnEarlierRunLeft) {
  {
    RunLog run = log();
    run.begin("", "a", 0, false, "started");
    run.metrics({{"step", std::int64_t{1}}});
  }
  RunLog run = log();
  run.begin("", "a", 0, false, "started");
  EXPECT_EQ(text_of("metrics.jsonl"), "");
  EXPECT_EQ(text_of("metrics-1.jsonl"), "{\"step\": 1}\n");
  EXPECT_THAT(announced_, ::testing::Contains(HasSubstr("metrics-1.jsonl")));
}

TEST_F(RunLogTest, SetsAsideWhatAnotherRunLeftAlsoWhenItGoesOn) {
  auto const one_step = [&](char const* id, std::int64_t step) {
    RunLog run = log();
    run.begin("", id, step - 1, false, "resumed");
    run.metrics({{"step", step}});
  };
  one_step("a", 7);
  one_step("a", 8);
  one_step("", 9);  // of a checkpoint that does not say which run it is of
  EXPECT_THAT(announced_, IsEmpty());
  one_step("b", 4);
  EXPECT_EQ(text_of("metrics.jsonl"), "{\"step\": 4}\n");
  EXPECT_EQ(text_of("metrics-1.jsonl"), "{\"step\": 7}\n{\"step\": 8}\n{\"step\": 9}\n");
  EXPECT_THAT(announced_, ::testing::Contains(HasSubstr("metrics-1.jsonl")));
}

TEST_F(RunLogTest, RemembersWhyItCannotBeWrittenAndGoesOn) {
  RunLog run = log();
  run.begin("", "a", 0, true, "started");
  EXPECT_FALSE(run.failure().has_value());
  std::filesystem::remove(folder_ / "run" / "events.jsonl");
  std::filesystem::create_directory(folder_ / "run" / "events.jsonl");
  run.event(1, "saved");
  ASSERT_TRUE(run.failure().has_value());
  EXPECT_THAT(run.failure()->what(), HasSubstr("events.jsonl"));
  EXPECT_EQ(run.failure()->exit_code(), ExitCode::io);
  run.metrics({{"step", std::int64_t{1}}});
  run.end({1, "", "finished"});
  EXPECT_EQ(text_of("metrics.jsonl"), "");
}

TEST_F(RunLogTest, FollowsAMetricThroughWhatIsThereAndWhatComes) {
  {
    RunLog run = log();
    run.begin("", "a", 0, true, "started");
    run.metrics({{"step", std::int64_t{1}}, {"loss", 3.0}});
    run.validation({{"step", std::int64_t{1}}, {"loss", 2.5}});
    run.metrics({{"step", std::int64_t{2}}, {"loss", 2.0}});
  }
  RunLog run = log();
  run.begin("", "a", 2, true, "resumed");
  run.follow("loss");
  run.metrics({{"step", std::int64_t{3}}, {"loss", 1.0}});
  EXPECT_EQ(run.followed(1), 2.5);  // what was measured on held-out data counts
  EXPECT_EQ(run.followed(2), 2.0);
  EXPECT_EQ(run.followed(3), 1.0);
  EXPECT_EQ(run.followed(4), std::nullopt);
  EXPECT_TRUE(run.validated(1));
  EXPECT_FALSE(run.validated(2));
}

TEST_F(RunLogTest, ListsEverySampleThatWasReplacedAndAnnouncesTheFirst) {
  RunLog run = log();
  run.begin("", "a", 0, false, "started");
  std::vector<io::SkippedSample> samples;
  for (std::uint64_t position = 0; position < 15; ++position) samples.push_back(skipped(position));
  run.skipped(samples, 4);
  EXPECT_EQ(announced_.size(), 15u);
  EXPECT_THAT(announced_[5],
              HasSubstr("position 5 took another sample: pairs, sample 0 (key 'key')"));
  run.skipped(samples, 4);
  EXPECT_EQ(announced_.size(), 21u);  // 20, and where the others are
  EXPECT_THAT(announced_.back(), HasSubstr("skipped.jsonl only"));
  std::string const list = text_of("skipped.jsonl");
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 30);
  EXPECT_THAT(list, HasSubstr("\"step\":4,\"position\":14"));
}

}  // namespace
}  // namespace accord::app
