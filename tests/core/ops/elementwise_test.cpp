#include "core/ops/elementwise.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class ElementwiseTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(ElementwiseTest);

TEST_P(ElementwiseTest, MatchesReference) {
  for (Shape shape : testing::matrix_shapes)
    expect_like_reference(
        [&](Operands& operands) {
          View const x = operands.random(shape, 1), y = operands.random(shape, 2);
          add(operands.queue(), x, y);
          scale(operands.queue(), -0.375, x);
          return std::vector<View>{x, y};
        },
        to_string(shape));
}

TEST_P(ElementwiseTest, LogitScaleMatchesReference) {
  expect_like_reference(
      [](Operands& operands) {
        View const scale = operands.sums().unset({1});
        View const dtau = operands.sums().values({1}, {0.5});
        logit_scale_forward(operands.queue(), operands.values({1}, {2.659}).reshaped({}), scale);
        logit_scale_backward(operands.queue(), operands.sums().values({1}, {-0.25}), scale, dtau);
        return std::vector<View>{scale, dtau};
      },
      "logit scale");
}

TEST(Elementwise, ReferenceAddsAndScales) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::strided);
  View const x = operands.values({2, 2}, {1, 2, 3, 4}), y = operands.values({2, 2}, {5, 6, 7, 8});
  add(queue, x, y);
  scale(queue, 0.5, y);
  EXPECT_EQ(testing::values_of(queue, y), (std::vector<double>{3, 4, 5, 6}));
}

TEST(LogitScale, BackwardMatchesFiniteDifferences) {
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{1}},
       .forward =
           [](Operands& operands, auto const& in) {
             View const scale = operands.unset({1});
             logit_scale_forward(operands.queue(), in[0], scale);
             return scale;
           },
       .backward =
           [](Operands& operands, auto const& in, View upstream) {
             View const scale = operands.unset({1}), dtau = operands.zeros({1});
             logit_scale_forward(operands.queue(), in[0], scale);
             logit_scale_backward(operands.queue(), upstream, scale, dtau);
             return std::vector<View>{dtau};
           }});
}

}  // namespace
}  // namespace accord
