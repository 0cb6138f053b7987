#include "core/ops/normalize.hpp"

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class NormalizeTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(NormalizeTest);

TEST_P(NormalizeTest, MatchesReferenceForwardAndBackward) {
  for (Shape shape : testing::matrix_shapes) {
    if (shape[1] == 1) continue;  // the gradient is zero but for rounding
    expect_like_reference(
        [&](Operands& operands) {
          View const y = operands.unset(shape);
          View const inverse_norm = operands.sums().unset({shape[0]});
          View const dx = operands.unset(shape);
          normalize_forward(operands.queue(), operands.random(shape, 1), y, inverse_norm);
          normalize_backward(operands.queue(), operands.random(shape, 2), y, inverse_norm, dx);
          return std::vector<View>{y, inverse_norm, dx};
        },
        to_string(shape));
  }
}

TEST_P(NormalizeTest, MayWriteOverItsInput) {
  expect_like_reference(
      [](Operands& operands) {
        View const y = operands.random({5, 37}, 1), inverse_norm = operands.sums().unset({5});
        View const dx = operands.random({5, 37}, 2);
        normalize_forward(operands.queue(), y, y, inverse_norm);
        normalize_backward(operands.queue(), dx, y, inverse_norm, dx);
        return std::vector<View>{y, dx};
      },
      "in place");
}

TEST_P(NormalizeTest, TreatsTheNormAsConstantBelowTheClamp) {
  expect_like_reference(
      [](Operands& operands) {
        std::vector<double> const tiny{3e-14, -4e-14, 0, 0};
        View const y = operands.unset({2, 2}), inverse_norm = operands.sums().unset({2});
        View const dx = operands.unset({2, 2});
        normalize_forward(operands.queue(), operands.values({2, 2}, tiny), y, inverse_norm);
        normalize_backward(operands.queue(), operands.random({2, 2}, 1), y, inverse_norm, dx);
        return std::vector<View>{y, inverse_norm, dx};
      },
      "clamped");
}

TEST(Normalize, ReferenceDividesByTheNorm) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  View const y = operands.unset({2, 2}), inverse_norm = operands.unset({2});
  View const dx = operands.unset({2, 2});
  normalize_forward(queue, operands.values({2, 2}, {3, -4, 0, 0}), y, inverse_norm);
  std::vector<double> const got = testing::values_of(queue, y);
  EXPECT_NEAR(got[0], 0.6, 1e-15);
  EXPECT_NEAR(got[1], -0.8, 1e-15);
  EXPECT_EQ(got[2], 0);
  EXPECT_EQ(testing::values_of(queue, inverse_norm), (std::vector<double>{0.2, 1e12}));
  normalize_backward(queue, operands.values({2, 2}, {0, 0, 2, 3}), y, inverse_norm, dx);
  EXPECT_EQ(testing::values_of(queue, dx), (std::vector<double>{0, 0, 2e12, 3e12}));
}

TEST(Normalize, BackwardMatchesFiniteDifferences) {
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{3, 5}},
       .forward =
           [](Operands& operands, auto const& in) {
             View const y = operands.unset({3, 5});
             normalize_forward(operands.queue(), in[0], y, operands.unset({3}));
             return y;
           },
       .backward =
           [](Operands& operands, auto const& in, View upstream) {
             View const y = operands.unset({3, 5}), inverse_norm = operands.unset({3});
             View const dx = operands.unset({3, 5});
             normalize_forward(operands.queue(), in[0], y, inverse_norm);
             normalize_backward(operands.queue(), upstream, y, inverse_norm, dx);
             return std::vector<View>{dx};
           }});
}

}  // namespace
}  // namespace accord
