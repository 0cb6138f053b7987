#include "core/ops/geglu_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class GegluNormTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(GegluNormTest);

enum class AffinePart { none, weight, both };
enum class Gradient { beside, in_place };

/// y, mean, rstd, dgate_up, and the gradients that there are. The gate reaches a little beyond
/// where gelu bends.
std::vector<View> forward_and_backward(Operands& operands, Shape shape, AffinePart affine,
                                       Gradient gradient) {
  Index const m = shape[0], f = shape[1];
  std::vector<double> values = testing::random_values(m * 2 * f, 1);
  for (double& value : values) value *= 4;
  View const gate_up = operands.values({m, 2 * f}, values);
  View const weight = affine == AffinePart::none ? View{} : operands.random({f}, 2);
  View const bias = affine == AffinePart::both ? operands.random({f}, 3) : View{};
  View const y = operands.unset(shape), mean = operands.sums().unset({m}),
             rstd = operands.sums().unset({m});
  View const dweight = weight ? operands.sums().random({f}, 4) : View{};
  View const dbias = bias ? operands.sums().random({f}, 5) : View{};
  View const dgate_up = gradient == Gradient::in_place ? gate_up : operands.unset({m, 2 * f});
  geglu_norm_forward(operands.queue(), gate_up, weight, bias, y, mean, rstd);
  geglu_norm_backward(operands.queue(), operands.random(shape, 6), gate_up, weight, mean, rstd,
                      dgate_up, dweight, dbias);
  std::vector<View> results{y, mean, rstd, dgate_up};
  for (View view : {dweight, dbias})
    if (view) results.push_back(view);
  return results;
}

TEST_P(GegluNormTest, MatchesReference) {
  for (Shape shape : testing::matrix_shapes) {
    if (shape[1] == 1) continue;  // the gradient is zero but for rounding
    for (AffinePart affine : {AffinePart::none, AffinePart::weight, AffinePart::both})
      expect_like_reference(
          [&](Operands& o) { return forward_and_backward(o, shape, affine, Gradient::beside); },
          to_string(shape));
  }
}

TEST_P(GegluNormTest, MayWriteTheGradientOverItsInput) {
  for (Shape shape : {Shape{5, 37}, Shape{300, 40}})
    expect_like_reference(
        [&](Operands& o) {
          return forward_and_backward(o, shape, AffinePart::both, Gradient::in_place);
        },
        to_string(shape));
}

TEST(GegluNorm, ReferenceNormalisesTheProduct) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  View const y = operands.unset({1, 2}), mean = operands.unset({1}), rstd = operands.unset({1});
  geglu_norm_forward(queue, operands.values({1, 4}, {1, 0, 3, 5}), operands.values({2}, {2, 1}),
                     operands.values({2}, {0, 7}), y, mean, rstd);
  double const half = 3 * 0.84134474606854293 / 2, r = 1 / std::sqrt(half * half + 1e-5);
  std::vector<double> const got = testing::values_of(queue, y);
  EXPECT_NEAR(testing::values_of(queue, mean)[0], half, 1e-15);
  EXPECT_NEAR(got[0], 2 * half * r, 1e-14);
  EXPECT_NEAR(got[1], 7 - half * r, 1e-14);
}

TEST(GegluNorm, BackwardMatchesFiniteDifferences) {
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{3, 10}, {5}, {5}},
       .forward =
           [](Operands& operands, auto const& in) {
             View const y = operands.unset({3, 5});
             geglu_norm_forward(operands.queue(), in[0], in[1], in[2], y, operands.unset({3}),
                                operands.unset({3}));
             return y;
           },
       .backward =
           [](Operands& operands, auto const& in, View upstream) {
             View const mean = operands.unset({3}), rstd = operands.unset({3});
             geglu_norm_forward(operands.queue(), in[0], in[1], in[2], operands.unset({3, 5}), mean,
                                rstd);
             View const dgate_up = operands.unset({3, 10}), dweight = operands.zeros({5}),
                        dbias = operands.zeros({5});
             geglu_norm_backward(operands.queue(), upstream, in[0], in[1], mean, rstd, dgate_up,
                                 dweight, dbias);
             return std::vector<View>{dgate_up, dweight, dbias};
           }},
      1e-7);
}

TEST(GegluNorm, RefusesAnOddSplit) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float32, testing::Layout::dense);
  EXPECT_THROW(geglu_norm_forward(queue, operands.random({2, 7}, 1), {}, {}, operands.unset({2, 3}),
                                  operands.unset({2}), operands.unset({2})),
               Error);
}

}  // namespace
}  // namespace accord
