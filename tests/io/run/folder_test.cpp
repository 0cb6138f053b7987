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

}  // namespace
}  // namespace accord::io
