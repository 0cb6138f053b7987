#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "io/file/file.hpp"
#include "io/shard/verify.hpp"
#include "tests/io/shard/small_dataset.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::HasSubstr;

class DamagedShard : public TemporaryFolder {
 protected:
  DamagedShard() {
    write_dataset(folder_, {30});
    sound_ = read_file(path_);
  }
  /// Reads everything; the message of the first refusal, "sample N" for a damaged sample, "" if all
  /// was accepted.
  std::string read_all() const {
    Dataset const dataset = Dataset::open(folder_);
    try {
      for (Index i = 0; i < dataset.size(); ++i) dataset.read(i);
    } catch (SampleError const& error) {
      EXPECT_EQ(error.key, Content(error.sample).key);
      return fmt::format("sample {}", error.sample);
    } catch (DataError const& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path path_ = folder_ / shard_file(0);
  std::string sound_;
};

TEST_F(DamagedShard, NoFlippedBitGoesUnnoticed) {
  ASSERT_EQ(read_all(), "");
  std::mt19937 random(1);
  std::uniform_int_distribution<std::size_t> any_bit(0, sound_.size() * 8 - 1);
  int refused = 0, reported = 0;
  for (int i = 0; i < 400; ++i) {
    std::size_t const bit = any_bit(random);
    std::string damaged = sound_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    {
      File file = File::open_write(path_);
      file.write_at(0, std::as_bytes(std::span(damaged)));
    }
    std::string const result = read_all();
    EXPECT_NE(result, "") << "bit " << bit << " of " << sound_.size() * 8;
    ++(result.starts_with("sample") ? reported : refused);
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(reported, 0);
}

TEST_F(DamagedShard, VerifyNamesEveryDamagedSample) {
  EXPECT_TRUE(verify_shard(Dataset::open(folder_), 0).empty());
  ShardEntry const entry = read_index(folder_).shards[0];
  std::byte const damage[] = {std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF}};
  for (std::uint64_t const sample : {4u, 21u})
    File::open_write(path_).write_at(entry.modalities[1].bytes.offset + 200 * sample, damage);
  auto const faults = verify_shard(Dataset::open(folder_), 0);
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_THAT(faults[0], HasSubstr("'key-4'"));
  EXPECT_THAT(faults[1], HasSubstr("'key-21'"));
}

TEST_F(DamagedShard, VerifySeesWhenHdf5DisagreesWithTheIndex) {
  DatasetIndex index = read_index(folder_);
  std::swap(index.shards[0].checksum, index.shards[0].label);  // the same size, another place
  write_index(folder_, index);
  auto const faults = verify_shard(Dataset::open(folder_), 0);
  EXPECT_THAT(faults, ::testing::Contains(HasSubstr("/checksum lies elsewhere")));
}

TEST_F(DamagedShard, IsRefusedWhenTruncated) {
  for (std::size_t keep : {std::size_t{0}, std::size_t{1}, sound_.size() / 2, sound_.size() - 1}) {
    std::filesystem::resize_file(path_, keep);
    EXPECT_THAT(read_all(), HasSubstr("shard-00000.h5"));
    EXPECT_THAT(read_all(), HasSubstr("truncated"));
  }
  std::filesystem::remove(path_);
  EXPECT_THAT(read_all(), HasSubstr("shard-00000.h5: no such file"));
}

TEST_F(DamagedShard, OneBadSampleLeavesTheOthersReadable) {
  ShardEntry const entry = read_index(folder_).shards[0];
  std::byte const zero[] = {std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF}};
  File::open_write(path_).write_at(entry.modalities[1].bytes.offset + 200 * 11, zero);
  Dataset const dataset = Dataset::open(folder_);
  Block const block = dataset.read_block(0, 8, 6);
  for (Index k = 0; k < block.count(); ++k) {
    if (block.first() + k != 11) {
      EXPECT_EQ(text_of(block.sample(k).items[1][0]), Content(block.first() + k).image);
      continue;
    }
    try {
      block.sample(k);
      ADD_FAILURE() << "the damaged sample was accepted";
    } catch (SampleError const& error) {
      EXPECT_EQ(error.sample, 11);
      EXPECT_EQ(error.key, "key-11");
      EXPECT_EQ(error.shard, "shard-00000.h5");
      EXPECT_EQ(error.exit_code(), ExitCode::data);
      EXPECT_THAT(error.what(), HasSubstr("key-11"));
    }
  }
}

}  // namespace
}  // namespace accord::io
