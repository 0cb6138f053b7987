#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "io/hdf5/hdf5_writer.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using testing::reads;
using testing::writes;

/// A file with all that ours hold: small and large datasets, texts, attributes, groups, links.
class FailingDisk : public TemporaryFolder {
 protected:
  FailingDisk() { std::iota(values_.begin(), values_.end(), 0.5f); }
  ~FailingDisk() override { reads = writes = {}; }

  void write() const {
    Hdf5Writer file(path_);
    file.attribute_text("/", "format", "a format");
    file.attribute<std::int64_t>("/", "version", 1);
    file.write<float>("group/values", std::span<float const>(values_).first(7));
    file.write_text("key", keys_);
    file.write<float>("large", values_);
    file.link("there", "other.h5", "/here");
    file.attribute_texts("group", "names", keys_);
    file.close();
  }
  void expect_whole() const {
    Hdf5Reader const file(path_);
    EXPECT_EQ(file.read_text("key"), keys_);
    EXPECT_EQ(file.read<float>("large"), values_);
    EXPECT_EQ(file.read<float>("group/values").back(), 6.5f);
    EXPECT_EQ(file.attribute_texts("group", "names"), keys_);
  }

  std::filesystem::path path_ = folder_ / "a.h5";
  std::vector<std::string> keys_{"first", "second"};
  std::vector<float> values_ = std::vector<float>(50000);
};

TEST_F(FailingDisk, EveryWriteThatFailsIsSeen) {
  write();
  int const calls = std::exchange(writes, {}).calls;
  ASSERT_GE(calls, 3);
  for (int call = 1; call <= calls; ++call) {
    writes = {.call = call, .error = ENOSPC};
    try {
      write();
      ADD_FAILURE() << "write " << call << " of " << calls;
    } catch (IoError const& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("a.h5: write failed: No space left"));
    }
    writes = {};
    write();  // the library is in order
    expect_whole();
  }
}

TEST_F(FailingDisk, WritesAndReadsThatFailForAMomentAreWhole) {
  writes = {.call = 2, .error = EIO};
  write();
  writes = {};
  for (int call = 1; call <= 3; ++call) {
    reads = {.call = call, .error = ESTALE};
    expect_whole();
  }
}

TEST_F(FailingDisk, AReadThatFailsIsNoDamage) {
  write();
  expect_whole();
  reads = {.call = 1, .error = EIO, .times = 1000};
  EXPECT_THROW(Hdf5Reader{path_}, IoError);
  reads = {};
  Hdf5Reader const file(path_);
  reads = {.call = 1, .error = EIO, .times = 1000};
  EXPECT_THROW(file.read<float>("large"), IoError);
}

}  // namespace
}  // namespace accord::io
