#include "io/run/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/file/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunFolderTest : public TemporaryFolder {};

TEST_F(RunFolderTest, ANewRunSetsTheMetricsOfAnotherAside) {
  RunFolder const run(folder_);
  EXPECT_THAT(run.set_aside_metrics(), IsEmpty());
  write_file(run.metrics(), "");
  EXPECT_THAT(run.set_aside_metrics(), IsEmpty());
  write_file(run.metrics(), "first\n");
  EXPECT_THAT(run.set_aside_metrics(), ElementsAre(folder_ / "metrics-1.jsonl"));
  write_file(run.metrics(), "second\n");
  write_file(run.validation(), "seen\n");
  write_file(run.tensorboard(), "scalars\n");
  EXPECT_THAT(run.set_aside_metrics(),
              ElementsAre(folder_ / "metrics-2.jsonl", folder_ / "validation-2.jsonl",
                          folder_ / "tensorboard-2" / event_file_name));
  EXPECT_EQ(read_file(folder_ / "metrics-1.jsonl"), "first\n");
  EXPECT_EQ(read_file(folder_ / "metrics-2.jsonl"), "second\n");
  EXPECT_FALSE(std::filesystem::exists(run.metrics()));
}

TEST_F(RunFolderTest, ANewRunSetsTheEventFileOfAnotherAsideWhereTensorBoardFindsIt) {
  RunFolder const run(folder_);
  EventFile events(run.tensorboard(), 0);
  EXPECT_THAT(run.set_aside_metrics(), IsEmpty());
  events.write({{"step", 1}, {"loss", 2.0}});
  std::string const written = read_file(run.tensorboard());
  EXPECT_THAT(run.set_aside_metrics(),
              ElementsAre(folder_ / "tensorboard-1" / "events.out.tfevents.accord"));
  EXPECT_EQ(read_file(folder_ / "tensorboard-1" / event_file_name), written);
  EXPECT_FALSE(std::filesystem::exists(run.tensorboard()));
  write_file(run.tensorboard(), "second");
  EXPECT_THAT(run.set_aside_metrics(), ElementsAre(folder_ / "tensorboard-2" / event_file_name));
}

TEST_F(RunFolderTest, AllThatAnotherRunLeftGoesAside) {
  RunFolder const run(folder_);
  run.begin("[train]\n", "first");
  run.add_event(0, "started");
  EXPECT_THAT(run.set_aside_metrics(), IsEmpty());  // it measured nothing
  write_file(run.skipped(), "one\n");
  run.end({1, "", "finished"});
  EXPECT_THAT(run.set_aside_metrics(),
              ElementsAre(folder_ / "skipped-1.jsonl", folder_ / "events-1.jsonl",
                          folder_ / "run-1.json", folder_ / "config-1.toml"));
  EXPECT_THAT(run.events(), IsEmpty());
  EXPECT_FALSE(run.record().has_value());
}

TEST_F(RunFolderTest, KnowsTheRun) {
  RunFolder const run(folder_);
  EXPECT_EQ(run.run_id(), "");
  run.begin("", "first");
  EXPECT_EQ(run.run_id(), "first");
  run.begin("", "second");
  EXPECT_EQ(RunFolder(folder_).run_id(), "second");
  write_file(folder_ / "identity.json", "torn");
  EXPECT_EQ(run.run_id(), "");
}

TEST_F(RunFolderTest, AnEventBehindOneThatWasCutShortHasItsOwnLine) {
  RunFolder const run(folder_);
  run.add_event(1, "saved");
  std::string const whole = read_file(run.event_list());
  write_file(run.event_list(), whole + whole.substr(0, 9));
  run.add_event(2, "resumed");
  ASSERT_EQ(run.events().size(), 2u);
  EXPECT_EQ(run.events()[1].text, "resumed");
}

}  // namespace
}  // namespace accord::io
