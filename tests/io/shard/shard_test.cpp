#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "io/file/file.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "tests/io/shard/small_dataset.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;

class Shards : public TemporaryFolder {};

void expect_content(Sample const& sample, Index number) {
  Content const content(number);
  EXPECT_EQ(sample.number, number);
  EXPECT_EQ(sample.key, content.key);
  EXPECT_EQ(sample.label, number % 7);
  ASSERT_EQ(sample.items.size(), 2u);
  ASSERT_EQ(sample.items[0].size(), content.captions.size());
  for (std::size_t i = 0; i < content.captions.size(); ++i)
    EXPECT_EQ(text_of(sample.items[0][i]), content.captions[i]);
  ASSERT_EQ(sample.items[1].size(), 1u);
  EXPECT_EQ(text_of(sample.items[1][0]), content.image);
}

TEST_F(Shards, GiveBackEverySample) {
  write_dataset(folder_, {5, 1, 12});
  Dataset const dataset = Dataset::open(folder_);
  ASSERT_EQ(dataset.size(), 18);
  EXPECT_THAT(dataset.modalities(), ElementsAre("text", "image"));
  for (Index i = 0; i < dataset.size(); ++i) expect_content(dataset.read(i), i);
}

TEST_F(Shards, BlocksHoldWhatSingleReadsGive) {
  write_dataset(folder_, {3, 12});
  Dataset const dataset = Dataset::open(folder_);
  Sample kept;
  {
    Block const block = dataset.read_block(1, 4, 7);
    EXPECT_EQ(block.first(), 7);
    ASSERT_EQ(block.count(), 7);
    for (Index k = 0; k < block.count(); ++k) expect_content(block.sample(k), 7 + k);
    kept = block.sample(3);
  }
  expect_content(kept, 10);  // a sample outlives the block it came from
}

TEST_F(Shards, ABlockIsCutToAByteBudget) {
  write_dataset(folder_, {20});
  Dataset const dataset = Dataset::open(folder_);
  EXPECT_EQ(dataset.samples_within(0, 0, 1), 1);
  EXPECT_EQ(dataset.samples_within(0, 0, 1 << 20), 20);
  Index const some = dataset.samples_within(0, 5, 1000);
  EXPECT_GE(some, 4);  // 200 bytes of image and 0 to 24 of text each
  EXPECT_LE(some, 5);
}

TEST_F(Shards, ThreadsReadAtTheSameTime) {
  write_dataset(folder_, {10, 10, 10, 10});
  Dataset const dataset = Dataset::open(folder_);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (Index t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (Index i = 0; i < 200; ++i) {
        Index const number = (i * 7 + t * 11) % dataset.size();
        if (text_of(dataset.read(number).items[1][0]) != Content(number).image) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Shards, AreOrdinaryHdf5Files) {
  write_dataset(folder_, {6});
  Hdf5Reader const file(folder_ / "shard-00000.h5");
  EXPECT_EQ(file.attribute_text("/", "format"), "accord-shard");
  EXPECT_THAT(file.attribute_texts("/", "modalities"), ElementsAre("text", "image"));
  EXPECT_THAT(file.datasets(), ElementsAre("checksum", "image/bytes", "image/offsets", "key",
                                           "label", "text/bytes", "text/first", "text/offsets"));
  EXPECT_EQ(file.read_text("key")[4], "key-4");
  EXPECT_THAT(file.read<std::int64_t>("label"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(file.read<std::uint64_t>("text/first"), ElementsAre(0, 1, 3, 3, 4, 6, 6));
  auto const offsets = file.read<std::uint64_t>("image/offsets");
  auto const bytes = file.read<std::uint8_t>("image/bytes");
  EXPECT_EQ(std::string(bytes.begin() + static_cast<std::ptrdiff_t>(offsets[3]),
                        bytes.begin() + static_cast<std::ptrdiff_t>(offsets[4])),
            Content(3).image);
}

TEST_F(Shards, H5pyReadsThem) {
  if (std::system("python3 -c 'import h5py' 2>/dev/null") != 0)
    GTEST_SKIP()
        << "python3 with h5py is not installed: nothing independent to read the shard with";
  write_dataset(folder_, {6});
  std::string const script = fmt::format(
      "import h5py\n"
      "f = h5py.File('{}/shard-00000.h5')\n"
      "assert list(f.attrs['modalities']) == [b'text', b'image'] and f.attrs['samples'] == 6\n"
      "t, o, s = f['text/bytes'][:].tobytes(), f['text/offsets'][:], f['text/first'][:]\n"
      "assert [t[o[i]:o[i + 1]] for i in range(s[4], s[5])] == [b'caption 4', b'another of 4']\n"
      "assert f['key'][4] == b'key-4' and list(f['label'][:]) == [0, 1, 2, 3, 4, 5]\n",
      folder_.string());
  write_file_atomically(folder_ / "read.py", script);
  EXPECT_EQ(0, std::system(("python3 '" + (folder_ / "read.py").string() + "'").c_str()));
}

TEST_F(Shards, LargeBlobsPassThroughTheDisk) {
  DatasetIndex index = empty_index();
  index.append(write_shard(folder_, 0, 0, 5, 3 << 20));
  write_index(folder_, index);
  EXPECT_EQ(index.shards[0].modalities[1].bytes.offset % (1 << 20), 0u);
  Dataset const dataset = Dataset::open(folder_);
  for (Index i = 0; i < 5; ++i)
    EXPECT_EQ(text_of(dataset.read(i).items[1][0]), Content(i, 3 << 20).image);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}),
            2);  // no spool stays behind
}

TEST_F(Shards, WhatOpeningReadsLiesBeforeTheLargeBlobs) {
  ShardEntry const entry = write_shard(folder_, 0, 0, 5, 3 << 20);
  std::uint64_t const large = entry.modalities[1].bytes.offset;
  EXPECT_EQ(large, 1u << 20);
  EXPECT_EQ(entry.bytes, large + entry.modalities[1].bytes.bytes);
  for (Extent const& small : {entry.modalities[0].bytes, entry.modalities[0].offsets, entry.key,
                              entry.modalities[1].offsets, entry.checksum, entry.label})
    EXPECT_LT(small.offset, large);
}

TEST_F(Shards, AShardThatOpensAgainIsNotHashedAgain) {
  DatasetIndex index = empty_index();
  ShardEntry entry = write_shard(folder_, 0, 0, 1);
  for (Index k = 0; k < 66; ++k) {  // more than stay open
    entry.file = shard_file(k);
    if (k > 0) std::filesystem::copy(folder_ / shard_file(0), folder_ / entry.file);
    index.append(entry);
  }
  write_index(folder_, index);
  auto const change_attribute = [&](Index k) {
    std::string bytes = read_file(folder_ / shard_file(k));
    bytes.at(bytes.find("a test")) = 'A';
    write_file(folder_ / shard_file(k), bytes);
  };
  change_attribute(1);
  Dataset const dataset = Dataset::open(folder_);
  EXPECT_NO_THROW(dataset.read(0));
  EXPECT_THROW(dataset.read(1), DataError);
  change_attribute(0);
  for (Index k = 2; k < 66; ++k) dataset.read(k);
  EXPECT_NO_THROW(dataset.read(0));
  EXPECT_THROW(dataset.read(1), DataError);  // what was refused is not known to be sound
}

TEST_F(Shards, KeysAndCaptionsAreFoundWithoutTheSample) {
  write_dataset(folder_, {5, 4});
  Dataset const dataset = Dataset::open(folder_);
  for (Index i = 0; i < dataset.size(); ++i) {
    EXPECT_EQ(dataset.key(i), Content(i).key);
    EXPECT_EQ(dataset.items(i, 0), Content(i).captions);
  }
}

TEST_F(Shards, AnUnfinishedShardLeavesNothingBehind) {
  {
    ShardWriter writer(folder_ / shard_file(0), {"text", "image"}, LabelKind::none, "a test");
    std::string const large(9 << 20, 'x');
    writer.add({"key", {{bytes_of(large)}, {bytes_of(large)}}, -1, {}});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Shards, MultiHotLabelsRoundTrip) {
  DatasetIndex index;
  index.modalities = {"audio"};
  index.label = LabelKind::multi_hot;
  ShardWriter writer(folder_ / shard_file(0), index.modalities, index.label, "a test");
  std::string const wave = "RIFF";
  writer.add({"a", {{bytes_of(wave)}}, -1, {0, 1, 1}});
  writer.add({"b", {{bytes_of(wave)}}, -1, {1, 0, 0}});
  index.append(writer.finish());
  write_index(folder_, index);
  Dataset const dataset = Dataset::open(folder_);
  EXPECT_THAT(dataset.read(0).multi_hot, ElementsAre(0, 1, 1));
  EXPECT_THAT(dataset.read(1).multi_hot, ElementsAre(1, 0, 0));
  EXPECT_EQ(dataset.read(1).label, -1);
}

}  // namespace
}  // namespace accord::io
