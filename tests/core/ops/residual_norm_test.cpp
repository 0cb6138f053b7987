#include "core/ops/residual_norm.hpp"

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class ResidualNormTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(ResidualNormTest);

/// Which rows of R take part in a branch: every `step`-th from `first` on, or none at all.
struct Members {
  Index first, step;

  std::vector<std::int32_t> index(Index rows) const {
    std::vector<std::int32_t> index(static_cast<std::size_t>(rows), -1);
    std::int32_t count = 0;
    for (Index r = first; r < rows; r += step) index[static_cast<std::size_t>(r)] = count++;
    return index;
  }
  Index count(Index rows) const { return first >= rows ? 0 : (rows - first - 1) / step + 1; }
};
constexpr Members everybody{0, 1}, nobody{1 << 20, 1};

struct Case {
  Members branch, norm;
  bool row_scale, gamma, affine;
};
std::vector<Case> const cases{
    {everybody, everybody, false, false, false}, {everybody, {1, 3}, true, true, true},
    {{0, 2}, {1, 3}, true, true, true},          {{0, 2}, everybody, true, false, true},
    {nobody, {0, 2}, false, true, true},         {{1, 2}, nobody, true, true, true}};

/// Multiples of `unit` between -7 and 7 of them: bfloat16 holds sums of few exactly, so that every
/// backend takes the statistics of the same rows.
View stepped(Operands& operands, Shape shape, std::uint32_t seed, double unit) {
  std::vector<double> values = testing::random_values(shape.size(), seed);
  for (double& value : values) value = unit * std::round(7 * value);
  return operands.values(shape, values);
}

enum class Sum { beside, in_place };
enum class Parameters { train, are_frozen };

std::vector<View> forward_and_backward(Operands& operands, Shape shape, Case const& with, Sum place,
                                       Parameters parameters) {
  Index const rows = shape[0], d = shape[1];
  Index const m = with.branch.count(rows), n = with.norm.count(rows);
  auto const index = [&](Members const& members) {
    return members.step == 1 && members.first == 0 ? View{} : operands.rows(members.index(rows));
  };
  std::vector<double> two(static_cast<std::size_t>(m), 2);
  EndingBranch const branch{stepped(operands, {m, d}, 1, 0.25), index(with.branch),
                            with.row_scale ? operands.sums().values({m}, two) : View{},
                            with.gamma ? stepped(operands, {d}, 2, 0.5) : View{}};
  BranchNorm const norm{index(with.norm), with.affine ? operands.random({d}, 3) : View{},
                        with.affine ? operands.random({d}, 4) : View{}};
  View const x = stepped(operands, shape, 5, 0.125);
  View const sum = place == Sum::in_place ? x : operands.unset(shape);
  View const y = operands.unset({n, d}), mean = operands.sums().unset({n}),
             rstd = operands.sums().unset({n});
  residual_norm_forward(operands.queue(), x, branch, norm, sum, y, mean, rstd);

  ResidualNormGradients gradients;
  if (parameters == Parameters::train) {
    if (with.affine) gradients.dweight = operands.sums().random({d}, 6);
    if (with.affine) gradients.dbias = operands.sums().random({d}, 7);
    if (with.gamma) gradients.dgamma = operands.sums().random({d}, 8);
  }
  View const dx = operands.random(shape, 9), dbranch = operands.unset({m, d});
  EndingBranch read = branch;
  if (!gradients.dgamma) read.values = {};
  residual_norm_backward(operands.queue(), operands.random({n, d}, 10), sum, norm, mean, rstd, read,
                         dx, dbranch, gradients);
  std::vector<View> results{sum, y, mean, rstd, dx, dbranch};
  for (View view : {gradients.dweight, gradients.dbias, gradients.dgamma})
    if (view) results.push_back(view);
  return results;
}

TEST_P(ResidualNormTest, MatchesReference) {
  for (Shape shape : {Shape{0, 5}, Shape{3, 7}, Shape{2, 16}, Shape{65, 96}, Shape{600, 8}})
    for (Case const& with : cases)
      for (Parameters parameters : {Parameters::train, Parameters::are_frozen})
        expect_like_reference(
            [&](Operands& o) {
              return forward_and_backward(o, shape, with, Sum::beside, parameters);
            },
            to_string(shape));
}

TEST_P(ResidualNormTest, MayWriteTheSumOverTheStream) {
  for (Case const& with : cases)
    expect_like_reference(
        [&](Operands& o) {
          return forward_and_backward(o, {70, 40}, with, Sum::in_place, Parameters::train);
        },
        "in place");
}

TEST(ResidualNorm, ReferenceAddsTheBranchAndNormalisesTheSum) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  View const x = operands.values({2, 2}, {1, 2, 3, 5}), sum = operands.unset({2, 2});
  View const y = operands.unset({1, 2}), mean = operands.unset({1}), rstd = operands.unset({1});
  residual_norm_forward(queue, x,
                        {operands.values({1, 2}, {4, 8}), operands.rows({-1, 0}),
                         operands.values({1}, {2}), operands.values({2}, {0.5, 0.25})},
                        {operands.rows({-1, 0}), {}, {}}, sum, y, mean, rstd);
  EXPECT_EQ(testing::values_of(queue, sum), (std::vector<double>{1, 2, 7, 9}));
  EXPECT_EQ(testing::values_of(queue, mean), (std::vector<double>{8}));
  EXPECT_NEAR(testing::values_of(queue, y)[1], 1 / std::sqrt(1 + 1e-5), 1e-15);
}

// Inputs x, values, gamma, weight, bias; the loss sees both the norm and the stream that goes on.
TEST(ResidualNorm, BackwardMatchesFiniteDifferences) {
  constexpr Index rows = 4, d = 5;
  Members const branch_rows{0, 2}, norm_rows{0, 3};
  auto const branch = [=](Operands& operands, auto const& in) {
    return EndingBranch{in[1], operands.rows(branch_rows.index(rows)),
                        operands.values({2}, {1.25, 1.5}), in[2]};
  };
  auto const norm = [=](Operands& operands, auto const& in) {
    return BranchNorm{operands.rows(norm_rows.index(rows)), in[3], in[4]};
  };
  // The output is y below the sum: [2 + 4, d].
  auto const run = [=](Operands& operands, auto const& in, View out, View mean, View rstd) {
    residual_norm_forward(operands.queue(), in[0], branch(operands, in), norm(operands, in),
                          out.rows(2, rows), out.rows(0, 2), mean, rstd);
  };
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{rows, d}, {2, d}, {d}, {d}, {d}},
       .forward =
           [=](Operands& operands, auto const& in) {
             View const out = operands.unset({2 + rows, d});
             run(operands, in, out, operands.unset({2}), operands.unset({2}));
             return out;
           },
       .backward =
           [=](Operands& operands, auto const& in, View upstream) {
             View const out = operands.unset({2 + rows, d}), mean = operands.unset({2}),
                        rstd = operands.unset({2});
             run(operands, in, out, mean, rstd);
             View const dx = operands.zeros({rows, d}), dbranch = operands.unset({2, d});
             copy(operands.queue(), upstream.rows(2, rows), dx);
             View const dgamma = operands.zeros({d}), dweight = operands.zeros({d}),
                        dbias = operands.zeros({d});
             residual_norm_backward(operands.queue(), upstream.rows(0, 2), out.rows(2, rows),
                                    norm(operands, in), mean, rstd, branch(operands, in), dx,
                                    dbranch, {dweight, dbias, dgamma});
             return std::vector<View>{dx, dbranch, dgamma, dweight, dbias};
           }},
      1e-7);
}

TEST(ResidualNorm, RefusesAnIndexOfOtherRows) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  View const x = operands.random({4, 3}, 1), mean = operands.unset({4}), rstd = operands.unset({4});
  EXPECT_THROW(
      residual_norm_forward(queue, x, {operands.random({2, 3}, 2), operands.rows({0, 1}), {}, {}},
                            {}, x, operands.unset({4, 3}), mean, rstd),
      Error);
}

}  // namespace
}  // namespace accord
