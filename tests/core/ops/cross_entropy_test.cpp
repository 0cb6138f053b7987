#include "core/ops/cross_entropy.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

std::vector<std::int64_t> some_labels(Shape shape) {
  std::vector<std::int64_t> labels;
  for (Index i = 0; i < shape[0]; ++i) labels.push_back((5 * i + 2) % shape[1]);
  return labels;
}

std::vector<std::uint8_t> some_targets(Shape shape) {
  std::vector<std::uint8_t> targets;
  for (Index i = 0; i < shape.size(); ++i) targets.push_back(i % 3 == 0);
  return targets;
}

void softmax_loss(Queue& queue, ConstView logits, double weight, View loss, View correct,
                  View dlogits) {
  Tensor const labels = Tensor::from_host(queue, some_labels(logits.shape()));
  cross_entropy(queue, logits, labels, 0.1, 0.25, weight, loss, correct, dlogits);
}

void logistic_loss(Queue& queue, ConstView logits, double weight, View loss, View correct,
                   View dlogits) {
  std::vector<std::uint8_t> const values = some_targets(logits.shape());
  Tensor const targets =
      Tensor::from_host(queue, std::span<std::uint8_t const>(values), logits.shape());
  binary_cross_entropy(queue, logits, targets, 0.25, weight, loss, correct, dlogits);
}

constexpr auto both = {softmax_loss, logistic_loss};

class CrossEntropyTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(CrossEntropyTest);

TEST_P(CrossEntropyTest, MatchesReference) {
  for (auto const loss_of : both)
    for (Shape shape : {Shape{1, 2}, Shape{7, 5}, Shape{130, 48}, Shape{3, 1000}})
      expect_like_reference(
          [&](Operands& operands) {
            View const dlogits = operands.unset(shape);
            View const loss = operands.sums().zeros({1}), correct = operands.sums().zeros({1});
            loss_of(operands.queue(), operands.random(shape, 1), 2, loss, correct, dlogits);
            return std::vector<View>{loss, correct, dlogits};
          },
          to_string(shape));
}

TEST(CrossEntropy, BackwardMatchesFiniteDifferences) {
  double const weight = 1.5;
  for (auto const loss_of : both)
    testing::expect_backward_matches_finite_differences(
        {.inputs = {{4, 6}},
         .forward =
             [&](Operands& operands, auto const& in) {
               View const loss = operands.zeros({1});
               loss_of(operands.queue(), in[0], weight, loss, operands.zeros({1}),
                       operands.unset({4, 6}));
               return loss;
             },
         .backward =
             [&](Operands& operands, auto const& in, View upstream) {
               // The op's gradient is of weight * loss.
               double const factor = testing::values_of(operands.queue(), upstream)[0] / weight;
               View const dlogits = operands.unset({4, 6});
               loss_of(operands.queue(), in[0], weight, operands.zeros({1}), operands.zeros({1}),
                       dlogits);
               std::vector<double> values = testing::values_of(operands.queue(), dlogits);
               for (double& value : values) value *= factor;
               return std::vector<View>{operands.values({4, 6}, values)};
             }});
}

class Figures : public ::testing::Test {
 protected:
  Figures() : operands(queue, DType::float64, testing::Layout::dense) {}
  double value(View view) { return testing::values_of(queue, view)[0]; }

  Queue queue{Backend::reference};
  Operands operands;
  View loss = operands.zeros({1}), correct = operands.zeros({1});
};

TEST_F(Figures, OfUniformLogitsAreThoseOfChance) {
  View const logits = operands.zeros({3, 4});
  Tensor const labels = Tensor::from_host(queue, std::vector<std::int64_t>{0, 1, 0});
  for (double const smoothing : {0.0, 0.3}) {
    View const fresh = operands.zeros({1});
    cross_entropy(queue, logits, labels, smoothing, 1.0 / 3, 1, fresh, correct,
                  operands.unset({3, 4}));
    EXPECT_NEAR(value(fresh), std::log(4.0), 1e-14);
  }
  EXPECT_EQ(value(correct), 4);  // of equal logits the first is predicted, twice two labels are it
}

TEST_F(Figures, CountAPredictionThatIsOneOfTheClassesAsRight) {
  std::vector<std::uint8_t> const truth{1, 0, 1, 0, 1, 0};
  Tensor const targets = Tensor::from_host(queue, std::span<std::uint8_t const>(truth), {2, 3});
  binary_cross_entropy(queue, operands.values({2, 3}, {0, 0, 900, 0, -900, 1}), targets, 0.5, 1,
                       loss, correct, operands.unset({2, 3}));
  EXPECT_EQ(value(correct), 1);
  EXPECT_NEAR(value(loss), 0.5 * (3 * std::log(2.0) + 900 + std::log1p(std::exp(1.0))), 1e-12);
}

}  // namespace
}  // namespace accord
