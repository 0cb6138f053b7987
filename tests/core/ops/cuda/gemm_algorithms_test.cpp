#include "core/ops/cuda/gemm_algorithms.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"

namespace accord::cuda {
namespace {

TEST(Bucket, IsAtMostAnEighthAboveTheExtent) {
  for (Index extent : {1, 15, 16, 17, 100, 1023, 1024, 1025, 37123}) {
    Index const bucket = bucket_of(extent);
    EXPECT_GE(bucket, extent);
    EXPECT_LE(static_cast<double>(bucket), 1.125 * static_cast<double>(extent) + 1);
    EXPECT_EQ(bucket_of(bucket), bucket);
  }
  EXPECT_EQ(bucket_of(1025), 1152);
  for (Index width : {768, 1536, 2048, 4608, 6144, 12288}) EXPECT_EQ(bucket_of(width), width);
}

class Recorded : public ::testing::Test {
 protected:
  void SetUp() override {
    chosen_.set_timing(true);
    chosen_.remember(forward_, GemmAlgorithm{1, 2, 3, 0xffffffffffffffff});
    chosen_.remember(gradient_, GemmAlgorithm{7});
    chosen_.remember(apart_, std::nullopt);
  }

  GemmKey const forward_{1152, 4608, 1536, false, true};
  GemmKey const gradient_{4608,
                          1536,
                          1152,
                          true,
                          false,
                          DType::bfloat16,
                          DType::float32,
                          true,
                          8,
                          GemmExtra::column_sums};
  GemmKey const apart_{1152,           1536,           1536,  false, true,
                       DType::float32, DType::float32, false, 4,     GemmExtra::bias};
  GemmAlgorithms chosen_;
};

TEST_F(Recorded, ChoicesSurviveTheirLines) {
  GemmAlgorithms loaded;
  loaded.add(chosen_.lines());
  ASSERT_TRUE(loaded.find(forward_) && loaded.find(gradient_) && loaded.find(apart_));
  EXPECT_EQ(*loaded.find(forward_), (GemmAlgorithm{1, 2, 3, 0xffffffffffffffff}));
  EXPECT_EQ(*loaded.find(gradient_), GemmAlgorithm{7});
  EXPECT_EQ(*loaded.find(apart_), std::nullopt);
  GemmKey other = forward_;
  other.extra = GemmExtra::bias;
  EXPECT_EQ(loaded.find(other), nullptr);
  EXPECT_EQ(loaded.lines(), chosen_.lines());
}

TEST_F(Recorded, ChoicesAreThoseThatWereTimed) {
  GemmKey const untimed{64, 64, 64};
  chosen_.set_timing(false);
  chosen_.remember(untimed, GemmAlgorithm{9});
  ASSERT_TRUE(chosen_.find(untimed));
  EXPECT_EQ(chosen_.lines().size(), 3u);
  chosen_.set_timing(true);
  EXPECT_EQ(chosen_.find(untimed), nullptr) << "it is to be timed now";
  EXPECT_TRUE(chosen_.find(forward_));
}

TEST_F(Recorded, ChoicesOfOthersReplaceOnesOwn) {
  GemmAlgorithms other;
  other.set_timing(true);
  other.remember(forward_, GemmAlgorithm{5});
  chosen_.add(other.lines());
  EXPECT_EQ(*chosen_.find(forward_), GemmAlgorithm{5});
  EXPECT_EQ(chosen_.lines().size(), 3u);
}

TEST_F(Recorded, ChoicesAreRefusedWhereALineIsNone) {
  std::string const line = chosen_.lines().front();
  for (std::string const& text : {std::string("no choice"), std::string(), line + " 1",
                                  line.substr(0, line.size() - 17), "x" + line, line + "x"})
    EXPECT_THROW(GemmAlgorithms().add({text}), DataError) << text;
}

}  // namespace
}  // namespace accord::cuda
