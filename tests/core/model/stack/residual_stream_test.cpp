#include "core/model/stack/residual_stream.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

constexpr Index stream_rows = 4, stream_width = 3;

BranchRows branch_of(Queue& queue, std::vector<std::int32_t> const& taken,
                     std::vector<double> const& scale) {
  BranchRows branch;
  branch.count = static_cast<Index>(taken.size());
  std::vector<std::int32_t> index(stream_rows, -1);
  for (std::size_t i = 0; i < taken.size(); ++i)
    index[static_cast<std::size_t>(taken[i])] = static_cast<std::int32_t>(i);
  branch.rows = Tensor::from_host(queue, taken);
  branch.index = Tensor::from_host(queue, index);
  if (!scale.empty()) branch.row_scale = Tensor::from_host(queue, scale);
  return branch;
}

BranchRows all_rows() {
  BranchRows branch;
  branch.count = stream_rows;
  return branch;
}

Tensor copied(Queue& queue, ConstView x) {
  Tensor own(queue, x.dtype(), x.shape());
  copy(queue, x, own);
  return own;
}

/// A branch as the stream sees it, and what is kept of it.
struct Branch {
  LayerNorm norm;
  BranchRows rows;
  ParameterStore* store;
  int gamma;  ///< -1: no LayerScale
  LayerNorm::Saved saved{};
  Tensor stream{}, values{};

  Index count() const { return rows.own_count(stream_rows); }
  ConstView scale() const { return gamma >= 0 ? ConstView(store->value(gamma)) : ConstView{}; }
  ResidualGradient::End end() {
    return {rows, values, scale(), gamma >= 0 ? store->gradient(gamma) : View{}};
  }
};

using MakeRows = std::function<std::pair<BranchRows, BranchRows>(Queue&)>;

// x: the stream, then the values that each of two branches ends with. y: what each branch's norm
// reads, then the stream behind both.
testing::MakeModule two_branches(MakeRows const& make_rows, bool layer_scale) {
  return [=](Queue& queue, ParameterScope const& scope, TensorParallelRegion const&) {
    auto [first_rows, second_rows] = make_rows(queue);
    auto const add = [&](std::string const& name, BranchRows branch_rows) {
      LayerNorm const norm = add_layer_norm(scope / name, stream_width);
      int const gamma =
          layer_scale ? (scope / name).add({"gamma", {stream_width}, constant_init(0.1)}) : -1;
      return std::make_shared<Branch>(Branch{norm, std::move(branch_rows), &scope.store(), gamma});
    };
    auto const a = add("a", std::move(first_rows)), b = add("b", std::move(second_rows));
    Index const m = a->count(), n = b->count();
    return testing::TestedModule{
        [=](Queue& q, ConstView x) {
          Tensor y(q, x.dtype(), Shape{m + n + stream_rows, stream_width});
          ResidualStream stream(copied(q, x.rows(0, stream_rows)));
          copy(q, stream.norm(q, a->norm, a->rows, a->saved, &a->stream), y.view().rows(0, m));
          stream.add(copied(q, x.rows(stream_rows, m)), a->rows, a->scale(), &a->values);
          copy(q, stream.norm(q, b->norm, b->rows, b->saved, &b->stream), y.view().rows(m, n));
          stream.add(copied(q, x.rows(stream_rows + m, n)), b->rows, b->scale(), &b->values);
          copy(q, std::move(stream).finish(q), y.view().rows(m + n, stream_rows));
          return y;
        },
        [=](Queue& q, ConstView x, ConstView dy) {
          Tensor dx(q, x.dtype(), x.shape());
          ResidualGradient gradient{copied(q, dy.rows(m + n, stream_rows)), {}};
          gradient.enter(q, b->end());
          copy(q, gradient.dbranch, dx.view().rows(stream_rows + m, n));
          gradient.leave(q, dy.rows(m, n), b->norm, b->rows, b->stream, b->saved, a->end());
          copy(q, gradient.dbranch, dx.view().rows(stream_rows, m));
          gradient.leave(q, dy.rows(0, m), a->norm, a->rows, a->stream, a->saved, {});
          EXPECT_FALSE(gradient.dbranch);
          copy(q, gradient.dx, dx.view().rows(0, stream_rows));
          return dx;
        }};
  };
}

TEST(ResidualStream, BackwardMatchesFiniteDifferences) {
  MakeRows const some = [](Queue& queue) {
    return std::pair{branch_of(queue, {0, 2, 3}, {1.25, 1.25, 2}), branch_of(queue, {1, 2}, {})};
  };
  for (bool const layer_scale : {true, false})
    testing::expect_module_gradients_match_finite_differences(two_branches(some, layer_scale),
                                                              {stream_rows + 5, stream_width});
}

TEST(ResidualStream, OfAllRowsMatchesFiniteDifferences) {
  testing::expect_module_gradients_match_finite_differences(
      two_branches(
          [](Queue&) {
            return std::pair{all_rows(), all_rows()};
          },
          true),
      {stream_rows + 2 * stream_rows, stream_width});
}

TEST(ResidualStream, FrozenMatchesFiniteDifferencesInItsInput) {
  testing::expect_module_gradients_match_finite_differences(
      two_branches(
          [](Queue& queue) {
            return std::pair{all_rows(), branch_of(queue, {3, 0}, {2, 4})};
          },
          true),
      {2 * stream_rows + 2, stream_width}, {"a.gamma", "b."});
}

// x + scale * gamma * branch on the branch's rows, and no other row moves.
TEST(ResidualStream, AddsABranchToItsRows) {
  Queue queue(Backend::reference);
  BranchRows const branch = branch_of(queue, {2, 0}, {2, 4});
  Tensor const x = testing::random_tensor(queue, DType::float64, {stream_rows, stream_width}, 1),
               gamma = testing::random_tensor(queue, DType::float64, {stream_width}, 2);
  auto const values = testing::random_values(2 * stream_width, 3);
  std::vector<double> want = testing::values_of(queue, x);
  auto const scales = testing::values_of(queue, gamma);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < stream_width; ++j)
      want[(i == 0 ? 2 : 0) * stream_width + j] +=
          (i == 0 ? 2 : 4) * scales[j] * values[i * stream_width + j];
  ResidualStream stream(x.view());
  stream.add(testing::tensor_of(queue, DType::float64, values, {2, stream_width}), branch, gamma,
             nullptr);
  testing::expect_near(testing::values_of(queue, std::move(stream).finish(queue)), want, 1e-15,
                       "stream");
}

}  // namespace
}  // namespace accord
