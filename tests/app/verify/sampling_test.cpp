#include "app/verify/sampling.hpp"

#include <gtest/gtest.h>

namespace accord::app {
namespace {

TEST(Sampling, ChanceOfADifferenceIsFishers) {
  // Of 2 hits among 3 + 3 draws none lies in the second half: C(3,2) / C(6,2) = 3 / 15, twice.
  EXPECT_NEAR(chance_of_difference(2, 3, 0, 3), 0.4, 1e-12);
  EXPECT_NEAR(chance_of_difference(0, 3, 2, 3), 0.4, 1e-12);
  EXPECT_EQ(chance_of_difference(1, 3, 1, 3), 1);
  EXPECT_EQ(chance_of_difference(0, 20000, 0, 400), 1);
  // One event of the rarer series, where the spread of half an observation would be six deviations
  // away.
  EXPECT_NEAR(chance_of_difference(0, 20000, 1, 400), 2 * 400.0 / 20400, 1e-12);
}

TEST(Sampling, LargeSamplesAreJudgedAsNormal) {
  // Frequencies of a half that differ by 4 deviations of their difference.
  double const sigma = std::sqrt(0.25 * (1.0 / 20000 + 1.0 / 3000));
  auto const hits = static_cast<Index>(std::llround((0.5 + 4 * sigma) * 3000));
  EXPECT_NEAR(chance_of_difference(10000, 20000, hits, 3000) / 6.334e-5, 1, 0.2);
}

TEST(Sampling, CertainFrequenciesAgreeWithThemselvesAlone) {
  EXPECT_EQ(chance_of_difference(20000, 20000, 400, 400), 1);
  EXPECT_LT(chance_of_difference(20000, 20000, 390, 400), 1e-15);
}

}  // namespace
}  // namespace accord::app
