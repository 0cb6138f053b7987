#include "core/model/modality/position_bias.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"

using namespace accord;

namespace {
std::int32_t at(BucketMatrix const& m, Index i, Index j) {
  return m.bucket[static_cast<std::size_t>(i * m.size + j)];
}
}  // namespace

// Values of docs/model.md 1.5, made with the official code.
TEST(LogBuckets, FollowTheSpecifiedDistances) {
  BucketMatrix const text = log_buckets(1024, 256);
  auto g = [&](Index r) { return at(text, r + 1 > 1023 ? 1023 : r + 1, 1) - 255; };
  EXPECT_EQ(g(128), 128);
  EXPECT_EQ(g(129), 129);
  EXPECT_EQ(g(130), 129);
  EXPECT_EQ(g(200), 156);
  EXPECT_EQ(g(512), 213);
  BucketMatrix const audio = log_buckets(1024, 512);
  for (auto [r, want] : {std::pair<Index, Index>{256, 256},
                         {257, 257},
                         {266, 264},
                         {300, 286},
                         {512, 384},
                         {749, 454},
                         {1022, 511}}) {
    EXPECT_EQ(at(audio, r + 1, 1) - 511, want) << r;
    EXPECT_EQ(at(audio, 1, r + 1) - 511, -want) << r;
  }
}

TEST(LogBuckets, GiveTheClassTokenRowsOfItsOwn) {
  BucketMatrix const m = log_buckets(6, 8);
  EXPECT_EQ(at(m, 0, 3), 15);
  EXPECT_EQ(at(m, 3, 0), 16);
  EXPECT_EQ(at(m, 0, 0), 17);
  EXPECT_EQ(log_bucket_rows(8), 18);
}

// Three steps of 1 x 2 patches: 5 x 1 x 3 offsets, time slowest.
TEST(Buckets, OfMorePositionsThanTheyCoverAreRefused) {
  EXPECT_THROW(log_buckets(max_log_positions + 1, 8), UsageError);
  EXPECT_THROW(grid_buckets({2, 64, 129}), UsageError);
}

TEST(GridBuckets, CountOffsetsInTimeToo) {
  BucketMatrix const m = grid_buckets({3, 1, 2});
  EXPECT_EQ(m.size, 7);
  EXPECT_EQ(m.rows, 18);
  EXPECT_EQ(at(m, 1, 1), 7);   // no offset: (2, 0, 1)
  EXPECT_EQ(at(m, 1, 2), 6);   // one column back
  EXPECT_EQ(at(m, 3, 1), 10);  // one step on
  EXPECT_EQ(at(m, 1, 6), 0);   // the farthest
  EXPECT_EQ(at(m, 6, 1), 14);
  EXPECT_EQ(at(m, 0, 6), 15);
  EXPECT_EQ(at(m, 6, 0), 16);
  EXPECT_EQ(at(m, 0, 0), 17);
}

TEST(GridBuckets, MatchTheCornersOfTheSpec) {
  BucketMatrix const m = grid_buckets({16, 16});
  EXPECT_EQ(m.size, 257);
  EXPECT_EQ(grid_bucket_rows(16), 964);
  EXPECT_EQ(at(m, 1, 1), 480);
  EXPECT_EQ(at(m, 1, 2), 479);
  EXPECT_EQ(at(m, 1, 17), 449);
  EXPECT_EQ(at(m, 0, 5), 961);
  EXPECT_EQ(at(m, 5, 0), 962);
  EXPECT_EQ(at(m, 0, 0), 963);
}
