#include "io/file/persistence.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using testing::reads;
using testing::writes;

class PersistenceTest : public TemporaryFolder {
 protected:
  PersistenceTest() { write_file(path_, "content"); }
  ~PersistenceTest() override { reads = writes = {}; }
  std::filesystem::path path_ = folder_ / "file";
};

TEST_F(PersistenceTest, ReadsThatFailForAMomentAreTriedAgainAndCounted) {
  for (int const error : {EIO, ESTALE, EAGAIN}) {
    std::uint64_t const before = transient_errors();
    reads = {.call = 1, .error = error, .times = 2};
    EXPECT_EQ(read_file(path_), "content");
    EXPECT_EQ(transient_errors(), before + 2);
  }
}

TEST_F(PersistenceTest, InterruptedAndShortCallsGoOn) {
  std::uint64_t const before = transient_errors();
  for (int const error : {EINTR, 0}) {
    reads = writes = {.call = 1, .error = error, .times = 3};
    write_file_atomically(folder_ / "other", "a longer text");
    EXPECT_EQ(read_file(folder_ / "other"), "a longer text");
  }
  EXPECT_EQ(transient_errors(), before);
}

TEST_F(PersistenceTest, WhatDoesNotPassIsAnErrorAfterAllAttempts) {
  reads = {.call = 1, .error = EIO, .times = 1000};
  EXPECT_THROW(read_file(path_), IoError);
  EXPECT_EQ(reads.calls, 5);
}

TEST_F(PersistenceTest, AFullDiskIsAnErrorAtOnceAndLeavesNothing) {
  writes = {.call = 1, .error = ENOSPC, .times = 1000};
  EXPECT_THROW(write_file_atomically(path_, "new"), IoError);
  EXPECT_EQ(writes.calls, 1);
  EXPECT_EQ(read_file(path_), "content");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "file.tmp"));
}

TEST_F(PersistenceTest, AWriteThatFailsForAMomentIsWhole) {
  writes = {.call = 1, .error = EIO, .times = 2};
  write_file_atomically(path_, "new");
  EXPECT_EQ(read_file(path_), "new");
}

}  // namespace
}  // namespace accord::io
