#include "io/loader/item_reader.hpp"

#include <gmock/gmock.h>

#include "tests/io/loader/pairs.hpp"

using namespace accord;
using namespace accord::io;
using ::testing::HasSubstr;

namespace {

class ItemReaderTest : public ::testing::Test {
 protected:
  ItemReaderTest() {
    std::vector<Pair> pairs = make_pairs(13);
    pairs[5].captions.clear();
    add_shard(folder_ / "pairs", {pairs.begin(), pairs.begin() + 4});
    add_shard(folder_ / "pairs", {pairs.begin() + 4, pairs.end()});
  }
  TemporaryFolder folder_;
  ModelConfig model_ = vision_language();
  ItemDecoder decoder_{model_, {0, 1}, Tokenizer::load("bytes"), {}, 0};
};

}  // namespace

TEST_F(ItemReaderTest, ReadsEveryItemOfEveryRankInOrder) {
  Dataset const dataset = Dataset::open(folder_ / "pairs");
  std::vector<std::uint64_t> owners, expected;
  for (std::uint64_t s = 0; s < 13; ++s)
    if (s != 5) expected.insert(expected.end(), s % 3 + 1, s);
  EXPECT_EQ(count_items(dataset, "text"), static_cast<Index>(expected.size()));
  for (int ranks : {1, 3, 20}) {
    owners.clear();
    for (int rank = 0; rank < ranks; ++rank) {
      ItemReader reader(dataset, model_, decoder_, {0, 4, rank, ranks, 2});
      EXPECT_EQ(reader.first(), static_cast<Index>(owners.size()));
      while (auto const batch = reader.next()) {
        ASSERT_EQ(batch->items.lengths[0].size(), batch->samples.size());
        for (std::size_t i = 0; i < batch->samples.size(); ++i) {
          EXPECT_EQ(batch->items.positions[i], owners.size());
          EXPECT_EQ(batch->items.keys[i], fmt::format("key-{}", batch->samples[i]));
          owners.push_back(batch->samples[i]);
        }
      }
      EXPECT_EQ(reader.last(), static_cast<Index>(owners.size()));
    }
    EXPECT_EQ(owners, expected) << ranks << " ranks";
  }
}

TEST_F(ItemReaderTest, ResizesPicturesWithoutCropping) {
  Dataset const dataset = Dataset::open(folder_ / "pairs");
  ItemReader reader(dataset, model_, decoder_, {1, 13, 0, 1, 1});
  auto const batch = reader.next();
  ASSERT_TRUE(batch && batch->samples.size() == 13u);
  EXPECT_FALSE(reader.next());
  Pair const pair = make_pair(7);
  Image const image = decode_image(pair.picture);
  std::vector<std::uint8_t> want(16 * 16 * 3);
  ResizeWorkspace workspace;
  resize_bicubic({image.rgb.data(), image.width, image.height}, {0, 0, 24, 20}, 16, 16, want.data(),
                 workspace);
  EXPECT_EQ(
      std::memcmp(batch->items.inputs[1].data.data() + 7 * want.size(), want.data(), want.size()),
      0);
}

TEST_F(ItemReaderTest, NamesADamagedItemInsteadOfReplacingIt) {
  Pair broken = make_pair(1);
  broken.picture.resize(50);
  add_shard(folder_ / "pairs", {make_pair(0), broken});
  Dataset const dataset = Dataset::open(folder_ / "pairs");
  ItemReader reader(dataset, model_, decoder_, {1, 14, 0, 1, 2});
  EXPECT_TRUE(reader.next());
  try {
    reader.next();
    FAIL();
  } catch (DataError const& error) {
    EXPECT_THAT(error.what(), HasSubstr("sample 14 (key 'key-1')"));
  }
  ModelConfig other = model_;
  other.modalities[1].name = "depth";
  EXPECT_THROW(ItemReader(dataset, other, decoder_, {1, 14, 0, 1, 2}), DataError);
}
