#include "io/run/record.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;

using RunRecordFile = TemporaryFolder;

TEST_F(RunRecordFile, ComesBackAsItWasWritten) {
  std::filesystem::path const path = folder_ / "run.json";
  EXPECT_FALSE(read_run_record(path).has_value());
  write_run_record(path, {7, "checkpoints/step-00000005", "stopped"});
  write_run_record(path, {9, "checkpoints/step-00000009", "finished \"well\""});
  std::optional<RunRecord> const record = read_run_record(path);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->last_step, 9);
  EXPECT_EQ(record->checkpoint, "checkpoints/step-00000009");
  EXPECT_EQ(record->reason, "finished \"well\"");
}

TEST_F(RunRecordFile, SaysWhatMayChangeAfterAFailure) {
  std::filesystem::path const path = folder_ / "run.json";
  write_run_record(path, {7, "", "failed", {"schedule.learning_rate"}});
  EXPECT_EQ(read_run_record(path)->may_change, std::vector<std::string>{"schedule.learning_rate"});
}

TEST_F(RunRecordFile, RefusesWhatIsNoRecord) {
  write_file_atomically(folder_ / "run.json", "{\"last_step\": 3}");
  EXPECT_THROW(read_run_record(folder_ / "run.json"), DataError);
}
