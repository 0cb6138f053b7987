#include "parallel/data/buckets.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "parallel/comm/thread_communicator.hpp"

namespace accord::parallel {
namespace {

TEST(Buckets, RunFromTheEndToTheBeginning) {
  auto const buckets = make_buckets(0, 100, 30, 4);
  ASSERT_EQ(buckets.size(), 4u);
  EXPECT_EQ(buckets[0].range, (FlatRange{68, 32}));  // 30 rounded up to four equal parts
  EXPECT_EQ(buckets[2].range, (FlatRange{4, 32}));
  EXPECT_EQ(buckets[3].range, (FlatRange{0, 4}));
}

TEST(Buckets, GiveEveryElementOneOwner) {
  for (int ranks : {1, 2, 3, 4, 7})
    for (Index size : {0, 1, 6, 64, 129})
      for (Index elements : {1, 5, 64, 1000}) {
        std::vector<int> owners(static_cast<std::size_t>(size));
        for (Bucket const& bucket : make_buckets(10, 10 + size, elements, ranks))
          for (int rank = 0; rank < ranks; ++rank) {
            FlatRange const part = bucket.part_of(rank);
            EXPECT_LE(part.count, bucket.part);
            for (Index i = part.begin; i < part.end(); ++i)
              ++owners.at(static_cast<std::size_t>(i - 10));
          }
        EXPECT_EQ(owners, std::vector<int>(owners.size(), 1)) << ranks << " " << size;
      }
}

TEST(Buckets, AreGatheredWholeFromTheirParts) {
  ThreadGroup(3).run([](GroupCommunicator& data) {
    Queue queue(Backend::cpu);
    for (Index size : {2, 9, 10, 11}) {
      std::vector<double> want(static_cast<std::size_t>(size)), flat(want.size(), -1);
      std::iota(want.begin(), want.end(), 0.0);
      auto const buckets = make_buckets(0, size, 5, 3);
      for (Bucket const& bucket : buckets) {
        FlatRange const own = bucket.part_of(data.rank());
        for (Index i = own.begin; i < own.end(); ++i)
          flat[static_cast<std::size_t>(i)] = static_cast<double>(i);
      }
      for (Bucket const& bucket : buckets)
        all_gather_bucket(queue, data, View(flat.data(), DType::float64, Shape{size}), bucket);
      EXPECT_EQ(flat, want);
    }
  });
}

}  // namespace
}  // namespace accord::parallel
