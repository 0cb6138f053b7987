#include "core/ops/bias.hpp"

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class BiasTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(BiasTest);

TEST_P(BiasTest, MatchesReferenceForwardAndBackward) {
  for (Shape shape : testing::matrix_shapes)
    expect_like_reference(
        [&](Operands& operands) {
          View const y = operands.random(shape, 1), dbias = operands.sums().random({shape[1]}, 3);
          bias_forward(operands.queue(), operands.random({shape[1]}, 2), y);
          bias_backward(operands.queue(), operands.random(shape, 4), dbias);
          return std::vector<View>{y, dbias};
        },
        to_string(shape));
}

TEST(Bias, BackwardMatchesFiniteDifferences) {
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{4, 3}, {3}},
       .forward =
           [](Operands& operands, auto const& in) {
             bias_forward(operands.queue(), in[1], in[0]);
             return in[0];
           },
       .backward =
           [](Operands& operands, auto const&, View upstream) {
             View const dbias = operands.zeros({3});
             bias_backward(operands.queue(), upstream, dbias);
             return std::vector<View>{{}, dbias};
           }});
}

TEST(Bias, RefusesAnotherWidth) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float32, testing::Layout::dense);
  EXPECT_THROW(bias_forward(queue, operands.random({4}, 1), operands.random({2, 3}, 2)), Error);
}

}  // namespace
}  // namespace accord
