#include "core/ops/activation.hpp"

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class ActivationTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(ActivationTest);

/// Random values over the range where gelu bends and a little beyond it.
View wide(Operands& operands, Shape shape, std::uint32_t seed) {
  std::vector<double> values = testing::random_values(shape.size(), seed);
  for (double& value : values) value *= 6;
  return operands.values(shape, values);
}

TEST_P(ActivationTest, GeluMatchesReference) {
  for (Shape shape : testing::matrix_shapes)
    expect_like_reference(
        [&](Operands& operands) {
          View const x = wide(operands, shape, 1), y = operands.unset(shape);
          View const dx = operands.unset(shape);
          gelu_forward(operands.queue(), x, y);
          gelu_backward(operands.queue(), operands.random(shape, 2), x, dx);
          return std::vector<View>{y, dx};
        },
        to_string(shape));
}

TEST_P(ActivationTest, GegluMatchesReference) {
  for (Shape shape : testing::matrix_shapes)
    expect_like_reference(
        [&](Operands& operands) {
          Shape const both{shape[0], 2 * shape[1]};
          View const gate_up = wide(operands, both, 1), y = operands.unset(shape);
          View const dgate_up = operands.unset(both);
          geglu_forward(operands.queue(), gate_up, y);
          geglu_backward(operands.queue(), operands.random(shape, 2), gate_up, dgate_up);
          return std::vector<View>{y, dgate_up};
        },
        to_string(shape));
}

TEST_P(ActivationTest, MayWriteOverItsInput) {
  Shape const shape{5, 37}, both{5, 74};
  expect_like_reference(
      [&](Operands& operands) {
        View const y = wide(operands, shape, 1), dx = operands.random(shape, 2);
        gelu_forward(operands.queue(), y, y);
        gelu_backward(operands.queue(), dx, wide(operands, shape, 3), dx);
        View const gate_up = wide(operands, both, 4);
        geglu_backward(operands.queue(), operands.random(shape, 5), gate_up, gate_up);
        return std::vector<View>{y, dx, gate_up};
      },
      "in place");
}

TEST(Gelu, ReferenceKnowsItsValues) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  View const x = operands.values({1, 5}, {0, 1, -1, 2, -30}), y = operands.unset({1, 5});
  gelu_forward(queue, x, y);
  std::vector<double> const want{0, 0.84134474606854293, -0.15865525393145707, 1.9544997361036416,
                                 0};
  std::vector<double> const got = testing::values_of(queue, y);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-15);
}

TEST(Geglu, ReferenceMultipliesTheSecondHalfByGeluOfTheFirst) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  View const y = operands.unset({1, 2});
  geglu_forward(queue, operands.values({1, 4}, {1, 0, 3, 5}), y);
  std::vector<double> const got = testing::values_of(queue, y);
  EXPECT_NEAR(got[0], 3 * 0.84134474606854293, 1e-15);
  EXPECT_EQ(got[1], 0);
}

TEST(Gelu, BackwardMatchesFiniteDifferences) {
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{3, 7}},
       .forward =
           [](Operands& operands, auto const& in) {
             View const y = operands.unset({3, 7});
             gelu_forward(operands.queue(), in[0], y);
             return y;
           },
       .backward =
           [](Operands& operands, auto const& in, View upstream) {
             View const dx = operands.unset({3, 7});
             gelu_backward(operands.queue(), upstream, in[0], dx);
             return std::vector<View>{dx};
           }});
}

TEST(Geglu, BackwardMatchesFiniteDifferences) {
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{3, 10}},
       .forward =
           [](Operands& operands, auto const& in) {
             View const y = operands.unset({3, 5});
             geglu_forward(operands.queue(), in[0], y);
             return y;
           },
       .backward =
           [](Operands& operands, auto const& in, View upstream) {
             View const dgate_up = operands.unset({3, 10});
             geglu_backward(operands.queue(), upstream, in[0], dgate_up);
             return std::vector<View>{dgate_up};
           }});
}

TEST(Geglu, RefusesAnOddSplit) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float32, testing::Layout::dense);
  EXPECT_THROW(geglu_forward(queue, operands.random({2, 7}, 1), operands.unset({2, 3})), Error);
}

}  // namespace
}  // namespace accord
