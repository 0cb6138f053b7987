#include "core/base/gemm_algorithms.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"

namespace accord::cuda {
namespace {

TEST(RowBucket, IsAtMostAnEighthAboveTheRows) {
  for (Index rows : {1, 15, 16, 17, 100, 1023, 1024, 1025, 37123}) {
    Index const bucket = row_bucket(rows);
    EXPECT_GE(bucket, rows);
    EXPECT_LE(static_cast<double>(bucket), 1.125 * static_cast<double>(rows) + 1);
    EXPECT_EQ(row_bucket(bucket), bucket);
  }
  EXPECT_EQ(row_bucket(1025), 1152);
}

TEST(GemmAlgorithms, SurviveTheirText) {
  GemmAlgorithms chosen;
  GemmKey const forward{1152, 4608, 1536, false, true};
  GemmKey const gradient{4608, 1536, 1152, true, false, DType::bfloat16, DType::float32, true, 8};
  chosen.remember(forward, {1, 2, 3, 0xffffffffffffffff});
  chosen.remember(gradient, {7});
  GemmAlgorithms loaded;
  loaded.load(chosen.text());
  ASSERT_TRUE(loaded.find(forward) && loaded.find(gradient));
  EXPECT_EQ(*loaded.find(forward), (GemmAlgorithm{1, 2, 3, 0xffffffffffffffff}));
  EXPECT_EQ(*loaded.find(gradient), GemmAlgorithm{7});
  EXPECT_EQ(loaded.find({1152, 4608, 1536, true, true}), nullptr);
  EXPECT_EQ(loaded.text(), chosen.text());
}

TEST(GemmAlgorithms, RefuseALineThatIsNone) {
  GemmAlgorithms chosen;
  chosen.remember({64, 64, 64}, {1});
  for (std::string const& text :
       {std::string("no choice"), chosen.text().substr(0, 40), "float64" + chosen.text()})
    EXPECT_THROW(GemmAlgorithms().load(text), DataError) << text;
}

}  // namespace
}  // namespace accord::cuda
