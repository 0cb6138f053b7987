#include "io/shard/dataset_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/file/file.hpp"
#include "tests/io/shard/small_dataset.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::HasSubstr;

class DatasetIndexFile : public TemporaryFolder {};

std::string refusal(std::filesystem::path const& dataset) {
  try {
    read_index(dataset);
  } catch (DataError const& error) {
    return error.what();
  }
  return "accepted";
}

TEST_F(DatasetIndexFile, SaysWhereEachSampleIs) {
  write_dataset(folder_, {5, 1, 12});
  DatasetIndex const index = read_index(folder_);
  EXPECT_EQ(index.samples(), 18);
  EXPECT_EQ(index.shard_of(0), 0);
  EXPECT_EQ(index.shard_of(4), 0);
  EXPECT_EQ(index.shard_of(5), 1);
  EXPECT_EQ(index.shard_of(6), 2);
  EXPECT_EQ(index.shard_of(17), 2);
}

TEST_F(DatasetIndexFile, AppendingChangesNoFileAndNoNumber) {
  write_dataset(folder_, {5, 4});
  std::string const shard0 = read_file(folder_ / shard_file(0)),
                    shard1 = read_file(folder_ / shard_file(1));
  Dataset const before = Dataset::open(folder_);

  DatasetIndex index = read_index(folder_);
  index.append(write_shard(folder_, 2, 9, 3));
  index.classes = {"new", "names"};
  write_index(folder_, index);

  EXPECT_EQ(read_file(folder_ / shard_file(0)), shard0);
  EXPECT_EQ(read_file(folder_ / shard_file(1)), shard1);
  Dataset const after = Dataset::open(folder_);
  EXPECT_EQ(after.size(), 12);
  EXPECT_NE(after.hash(), before.hash());
  EXPECT_EQ(after.read(7).key, before.read(7).key);

  EXPECT_EQ(after.index().samples_when(before.hash(), folder_), 9);
  EXPECT_EQ(after.index().samples_when(after.hash(), folder_), 12);
  EXPECT_THROW(after.index().samples_when(std::string(32, '0'), folder_), DataError);
}

TEST_F(DatasetIndexFile, RefusesNumbersThatAreNoIntegers) {
  write_dataset(folder_, {5});
  std::string const entry = to_json(read_index(folder_).shards[0]);
  std::string const samples = "\"samples\": 5";
  ASSERT_NE(entry.find(samples), std::string::npos) << entry;
  for (char const* number : {"2e28", "5.0", "\"5\""}) {
    std::string damaged = entry;
    damaged.replace(damaged.find(samples), samples.size(), std::string("\"samples\": ") + number);
    EXPECT_THROW(shard_entry_from_json(damaged, 2), DataError) << number;
  }
  EXPECT_EQ(shard_entry_from_json(entry, 2).samples, 5);
}

TEST_F(DatasetIndexFile, RefusesWhatIsNotADataset) {
  EXPECT_THAT(refusal(folder_ / "nothing"), HasSubstr("not a folder"));
  EXPECT_THAT(refusal(folder_), HasSubstr("no index.json"));
  write_file_atomically(folder_ / "index.json", "{\"shards\": []}\n");
  EXPECT_THAT(refusal(folder_), HasSubstr("checksum"));
}

TEST_F(DatasetIndexFile, RefusesNumbersOfSamplesThatNoSumCanHold) {
  write_dataset(folder_, {5, 4});
  DatasetIndex index = read_index(folder_);
  for (ShardEntry& entry : index.shards) entry.samples = Index{1} << 62;
  write_index(folder_, index);
  EXPECT_THAT(refusal(folder_), HasSubstr("is not a shard"));
}

TEST_F(DatasetIndexFile, SeesEveryFlippedBit) {
  write_dataset(folder_, {2});
  std::string const sound = read_file(folder_ / "index.json");
  for (std::size_t bit = 0; bit < 8 * sound.size(); bit += 5) {
    std::string damaged = sound;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_file_atomically(folder_ / "index.json", damaged);
    EXPECT_NE(refusal(folder_), "accepted") << "bit " << bit;
  }
}

}  // namespace
}  // namespace accord::io
