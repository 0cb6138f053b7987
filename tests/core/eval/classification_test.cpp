#include "core/eval/classification.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/base/error.hpp"

using namespace accord;

TEST(Accuracy, CountsPredictionsThatAreRight) {
  std::vector<double> const scores{1, 3, 2, 0, -1, -2, 5, 5, 4};
  EXPECT_EQ(accuracy(scores, std::vector<std::int64_t>{1, 0, 0}), 1.0);
  EXPECT_NEAR(accuracy(scores, std::vector<std::int64_t>{1, 1, 1}), 1.0 / 3, 1e-15);
}

TEST(Accuracy, TakesTheFirstOfEqualScores) {
  EXPECT_EQ(predicted_class(std::vector<double>{0, 2, 2}), 1);
  EXPECT_EQ(accuracy(std::vector<double>{2, 2}, std::vector<std::int64_t>{1}), 0.0);
}

TEST(Accuracy, OfDegreesOfTruthIsThatOfThePredictedClass) {
  std::vector<double> const scores{0, 1, 3, 2}, targets{1.0, 0.25, 0.5, 0};
  EXPECT_EQ(soft_accuracy(scores, targets, 2), 0.375);
  // three samples of two classes: the mean is over samples
  std::vector<double> const more{0, 1, 3, 2, 1, 0}, truth{1.0, 0.25, 0.5, 0, 0.75, 1};
  EXPECT_EQ(soft_accuracy(more, truth, 2), 0.5);
}

TEST(Accuracy, RefusesScoresThatAreNotFinite) {
  std::vector<double> const scores{0, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(predicted_class(scores), DataError);
}

TEST(AveragePrecision, AddsPrecisionAtEachStepOfRecall) {
  std::vector<double> const scores{0.9, 0.8, 0.7, 0.6};
  std::vector<std::uint8_t> const positive{1, 0, 1, 0};
  EXPECT_NEAR(average_precision(scores, positive), 0.5 * 1 + 0.5 * 2.0 / 3, 1e-15);
}

TEST(AveragePrecision, TakesEqualScoresAsOneStep) {
  std::vector<double> const scores{0.5, 0.5, 0.1};
  EXPECT_NEAR(average_precision(scores, std::vector<std::uint8_t>{0, 1, 0}), 0.5, 1e-15);
  EXPECT_NEAR(average_precision(scores, std::vector<std::uint8_t>{1, 0, 0}), 0.5, 1e-15);
}

TEST(AveragePrecision, IsZeroWithoutAPositive) {
  EXPECT_EQ(average_precision(std::vector<double>{1, 2}, std::vector<std::uint8_t>{0, 0}), 0);
}

TEST(AveragePrecision, OfClassesIsTheirMean) {
  std::vector<double> const scores{0.9, 0.1, 0.2, 0.8};
  std::vector<std::uint8_t> const targets{1, 1, 0, 0};
  EXPECT_NEAR(mean_average_precision(scores, targets, 2), (1 + 0.5) / 2, 1e-15);
  // three samples of two classes: the mean is over classes
  std::vector<double> const more{0.9, 0.1, 0.2, 0.8, 0.1, 0.9};
  std::vector<std::uint8_t> const truth{1, 1, 0, 0, 0, 0};
  EXPECT_NEAR(mean_average_precision(more, truth, 2), (1 + 1.0 / 3) / 2, 1e-15);
}
