// A process that saves in a loop is killed at random moments: what was durable stays usable,
// whatever the moment.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "io/checkpoint/verify.hpp"
#include "sample_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;

using KilledWhileSaving = TemporaryFolder;

namespace {

/// Saves step after step, the first of which replaces a checkpoint, and reports each that became
/// durable.
[[noreturn]] void save_for_ever(std::filesystem::path const& folder, Index first, int report) {
  try {
    for (Index step = first;; ++step) {
      SaveOptions options;
      options.files = 3;
      save_sample(folder, step, options);
      if (::write(report, &step, sizeof step) != sizeof step) break;
    }
  } catch (std::exception const& error) {
    std::cerr << error.what() << std::endl;
  }
  ::_exit(1);
}

}  // namespace

TEST_F(KilledWhileSaving, LeavesTheNewestCompleteCheckpointUsable) {
  Index durable = 1;  // a step known to be durable: later than it or it must be found
  save_sample(folder_, durable);
  std::mt19937 random(7);
  int cut = 0;
  for (int kill = 0; kill < 20; ++kill) {
    int report[2];
    ASSERT_EQ(::pipe(report), 0);
    pid_t const child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) save_for_ever(folder_, durable, report[1]);
    ::close(report[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 100000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the saving process ended by itself";
    for (Index step = 0; ::read(report[0], &step, sizeof step) == sizeof step;) durable = step;
    ::close(report[0]);

    for (auto const& entry : std::filesystem::directory_iterator(folder_))
      cut += entry.path().extension() == ".tmp";
    Index const found = load_sample(folder_);  // throws if a value is of another step
    EXPECT_GE(found, durable);
    EXPECT_LE(found, durable + 1);
    EXPECT_TRUE(verify_checkpoint(open_checkpoint(step_folder(folder_, found)), {}).empty());
    durable = found;
  }
  std::cout << cut << " of 20 kills left an unfinished folder behind\n";
}
