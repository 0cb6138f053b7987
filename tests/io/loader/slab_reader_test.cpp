#include "io/loader/slab_reader.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/io/loader/pairs.hpp"

using namespace accord;
using namespace accord::io;

namespace {

/// 150 and 10 small pairs, and one large one after 100.
class SlabReaderTest : public ::testing::Test {
 protected:
  SlabReaderTest() {
    std::vector<Pair> pairs = make_pairs(160);
    pairs[100].picture.resize(100000);
    add_shard(folder_ / "pairs", {pairs.begin(), pairs.begin() + 150});
    add_shard(folder_ / "pairs", {pairs.begin() + 150, pairs.end()});
    dataset_.emplace(Dataset::open(folder_ / "pairs"));
  }
  TemporaryFolder folder_;
  std::optional<Dataset> dataset_;
};

void expect_same(Sample const& a, Sample const& b) {
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.key, b.key);
  ASSERT_EQ(a.items.size(), b.items.size());
  for (std::size_t m = 0; m < a.items.size(); ++m)
    for (std::size_t i = 0; i < a.items[m].size(); ++i)
      EXPECT_TRUE(std::ranges::equal(a.items[m][i], b.items[m][i]));
}

}  // namespace

TEST_F(SlabReaderTest, GivesTheSamplesOfTheDataset) {
  for (std::size_t slabs : {0, 1, 2, 10}) {
    SlabReader const reader(*dataset_, slabs, 50000);
    for (Index number : {0, 159, 63, 64, 100, 149, 150, 101, 3, 0})
      expect_same(reader.read(number), dataset_->read(number));
  }
}

TEST_F(SlabReaderTest, ReadsNeighboursTogetherUnlessTheyAreTooLarge) {
  SlabReader const reader(*dataset_, 2, 50000);
  EXPECT_EQ(reader.read(3).owner, reader.read(60).owner);
  EXPECT_NE(reader.read(3).owner, reader.read(64).owner);
  EXPECT_EQ(reader.read(150).owner, reader.read(159).owner);
  EXPECT_NE(reader.read(100).owner, reader.read(101).owner);
  SlabReader const none(*dataset_, 0, 50000);
  EXPECT_NE(none.read(3).owner, none.read(60).owner);
}

TEST_F(SlabReaderTest, ForgetsTheSlabUsedLongestAgo) {
  SlabReader const reader(*dataset_, 2, 50000);
  Sample const first = reader.read(0), last = reader.read(150);
  EXPECT_EQ(reader.read(1).owner, first.owner);
  reader.read(130);  // a third slab: that of 150 goes
  EXPECT_EQ(reader.read(2).owner, first.owner);
  EXPECT_NE(reader.read(150).owner, last.owner);
}

TEST_F(SlabReaderTest, ServesManyThreads) {
  SlabReader const reader(*dataset_, 2, 50000);
  std::vector<std::thread> threads;
  for (Index t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (Index i = 0; i < 200; ++i) {
        Index const number = (i * 37 + t * 11) % 160;
        EXPECT_EQ(reader.read(number).key, fmt::format("key-{}", number));
      }
    });
  for (std::thread& thread : threads) thread.join();
}
