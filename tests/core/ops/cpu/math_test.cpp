#include "core/ops/cpu/math.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace accord::cpu {
namespace {

TEST(FastExp, IsWithinItsRelativeError) {
  double worst = 0;
  for (float x = -87; x < 88.7f; x += 0.00137f)
    worst = std::max(worst, std::abs(fast_exp(x) / std::exp(double{x}) - 1));
  EXPECT_LE(worst, 2e-7);
}

TEST(FastExp, KnowsTheEndsOfItsRange) {
  float const infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(fast_exp(0.f), 1.f);
  EXPECT_EQ(fast_exp(-infinity), 0.f);
  EXPECT_EQ(fast_exp(-200.f), 0.f);
  EXPECT_EQ(fast_exp(infinity), infinity);
  EXPECT_EQ(fast_exp(89.f), infinity);
  EXPECT_NEAR(fast_exp(-100.f), std::exp(-100.0), 1.5e-45);
  EXPECT_TRUE(std::isnan(fast_exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Normal, ReachesItsLimits) {
  float const infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(normal(infinity).cdf, 1.f);
  EXPECT_EQ(normal(-infinity).cdf, 0.f);
  EXPECT_EQ(normal(-infinity).density, 0.f);
  EXPECT_TRUE(std::isnan(normal(std::numeric_limits<float>::quiet_NaN()).cdf));
}

TEST(Normal, FloatIsWithinItsErrors) {
  double worst_cdf = 0, worst_tail = 0, worst_density = 0;
  for (float x = -12; x < 12; x += 0.00017f) {
    Normal<float> const got = normal(x);
    Normal<double> const want = normal(double{x});
    worst_cdf = std::max(worst_cdf, std::abs(got.cdf - want.cdf));
    if (x > -5 && x < 0) worst_tail = std::max(worst_tail, std::abs(got.cdf / want.cdf - 1));
    if (std::abs(x) < 5)
      worst_density = std::max(worst_density, std::abs(got.density / want.density - 1));
  }
  EXPECT_LE(worst_cdf, 2e-7);
  EXPECT_LE(worst_tail, 2e-6);
  EXPECT_LE(worst_density, 2e-6);
}

}  // namespace
}  // namespace accord::cpu
