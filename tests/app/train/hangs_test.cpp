// Ranks that stop, or die, while others wait for them (parallel/comm/watchdog.hpp).

#include <gtest/gtest.h>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

class Hangs : public TemporaryFolder {
 protected:
  /// A run on `ranks` ranks that would take for ever, when it has made its first step.
  std::unique_ptr<BackgroundProgram> under_way(int ranks, std::string const& more) {
    EXPECT_EQ(accord_command(fmt::format("data synth --out '{}' --train 64 --held-out 8 --no-audio",
                                         (folder_ / "data").string()),
                             folder_ / "synth.log"),
              0)
        << text_of(folder_ / "synth.log");
    auto program = std::make_unique<BackgroundProgram>(
        fmt::format("train --config '{0}/jobs/configs/tiny-vl.toml' --set "
                    "data.train='{1}/data/train' --set train.steps=1000000 --set "
                    "train.global_batch=16 --set checkpoint.every_steps=0 --set "
                    "log.directory='{1}/run' --set checkpoint.directory='{1}/run/checkpoints' {2}",
                    environment("ACCORD_SOURCE_DIR"), folder_.string(), more),
        folder_ / "log", ranks);
    wait_while([&] { return program->running() && metrics_of(metrics()).size() < 2; },
               std::chrono::seconds{60});
    return program;
  }
  std::filesystem::path metrics() const { return folder_ / "run" / "metrics.jsonl"; }
  std::string log() const { return text_of(folder_ / "log"); }
};

TEST_F(Hangs, EndWithAWordOfWhoWaitsWhereAndWhoIsSilent) {
  auto const program = under_way(2, "--set watchdog.seconds=2 --set parallel.tensor=2");
  pid_t const stopped = process_of(1, folder_);
  ASSERT_GT(stopped, 0) << log();
  ::kill(stopped, SIGSTOP);
  wait_while([&] { return program->running(); }, std::chrono::seconds{30});
  ASSERT_FALSE(program->running()) << log();
  EXPECT_NE(program->exit_code(), 0);
  EXPECT_NE(log().find("no word from rank 1"), std::string::npos) << log();
  std::string const said = text_of(folder_ / "run" / "hang" / "rank-0000.txt");
  EXPECT_NE(said.find("no progress for 2"), std::string::npos) << said;
  EXPECT_NE(said.find(", step "), std::string::npos) << said;
  EXPECT_NE(said.find("accord::"), std::string::npos) << said;  // names on the stack
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run" / "hang" / "rank-0001.txt"));
}

TEST_F(Hangs, OfARankThatDiedEndAtOnce) {
  auto const program = under_way(2, "--set watchdog.seconds=60");
  pid_t const victim = process_of(1, folder_);
  ASSERT_GT(victim, 0) << log();
  ::kill(victim, SIGKILL);
  wait_while([&] { return program->running(); }, std::chrono::seconds{30});
  ASSERT_FALSE(program->running()) << log();
  EXPECT_NE(program->exit_code(), 0);
  EXPECT_NE(log().find("rank 1 (process"), std::string::npos) << log();
}

// The time in which a whole job is suspended, as batch systems do to others of higher rank, is none
// without progress.
TEST_F(Hangs, AreNoneWhereAllRanksWereSuspended) {
  auto const program = under_way(2, "--set watchdog.seconds=2");
  pid_t const ranks[] = {process_of(0, folder_), process_of(1, folder_)};
  for (pid_t const rank : ranks) ASSERT_GT(rank, 0) << log();
  for (pid_t const rank : ranks) ::kill(rank, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds{3});
  std::size_t const before = metrics_of(metrics()).size();
  for (pid_t const rank : ranks) ::kill(rank, SIGCONT);
  wait_while([&] { return program->running() && metrics_of(metrics()).size() < before + 3; },
             std::chrono::seconds{30});
  EXPECT_TRUE(program->running()) << log();
}

}  // namespace
