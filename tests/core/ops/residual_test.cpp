#include "core/ops/residual.hpp"

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class ResidualTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(ResidualTest);

struct ResidualCase {
  bool rows, row_scale, gamma;
};

TEST_P(ResidualTest, MatchesReferenceForwardAndBackward) {
  for (Shape shape : testing::matrix_shapes)
    for (ResidualCase with : {ResidualCase{false, false, false},
                              {false, false, true},
                              {true, true, true},
                              {true, true, false},
                              {true, false, true}})
      expect_like_reference(
          [&](Operands& operands) {
            std::vector<std::int32_t> list;
            for (Index i = shape[0] - 1; i >= 0; i -= 3)
              list.push_back(static_cast<std::int32_t>(i));
            Index const m = with.rows ? static_cast<Index>(list.size()) : shape[0];
            View const rows = with.rows ? operands.rows(list) : View{};
            View const row_scale = with.row_scale ? operands.sums().random({m}, 1) : View{};
            View const gamma = with.gamma ? operands.random({shape[1]}, 2) : View{};
            View const branch = operands.random({m, shape[1]}, 3), x = operands.random(shape, 4);
            View const dbranch = operands.unset({m, shape[1]});
            View const dgamma = operands.sums().random({shape[1]}, 5);
            residual_forward(operands.queue(), branch, rows, row_scale, gamma, x);
            residual_backward(operands.queue(), operands.random(shape, 6),
                              with.gamma ? branch : View{}, rows, row_scale, gamma, dbranch,
                              with.gamma ? dgamma : View{});
            return std::vector<View>{x, dbranch, dgamma};
          },
          to_string(shape));
}

TEST(Residual, ReferenceAddsTheScaledBranchToItsRow) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::strided);
  View const x = operands.values({3, 2}, {1, 2, 3, 4, 5, 6});
  residual_forward(queue, operands.values({2, 2}, {10, 20, 30, 40}), operands.rows({2, 0}),
                   operands.values({2}, {2, 1}), operands.values({2}, {0.5, 0.25}), x);
  EXPECT_EQ(testing::values_of(queue, x), (std::vector<double>{16, 12, 3, 4, 15, 16}));
}

TEST(Residual, BackwardMatchesFiniteDifferences) {
  auto const rows = [](Operands& operands) { return operands.rows({3, 0}); };
  auto const row_scale = [](Operands& operands) { return operands.values({2}, {1.25, 1.5}); };
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{2, 5}, {5}},
       .forward =
           [=](Operands& operands, auto const& in) {
             View const x = operands.random({4, 5}, 1);
             residual_forward(operands.queue(), in[0], rows(operands), row_scale(operands), in[1],
                              x);
             return x;
           },
       .backward =
           [=](Operands& operands, auto const& in, View upstream) {
             View const dbranch = operands.unset({2, 5}), dgamma = operands.zeros({5});
             residual_backward(operands.queue(), upstream, in[0], rows(operands),
                               row_scale(operands), in[1], dbranch, dgamma);
             return std::vector<View>{dbranch, dgamma};
           }});
}

TEST(Residual, RefusesABranchOfOtherRows) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  EXPECT_THROW(
      residual_forward(queue, operands.random({2, 3}, 1), {}, {}, {}, operands.random({4, 3}, 2)),
      Error);
}

}  // namespace
}  // namespace accord
