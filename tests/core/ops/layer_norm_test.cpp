#include "core/ops/layer_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/ops/elementwise.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Operands;

class LayerNormTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(LayerNormTest);

enum class Affine { none, weight, both };

/// Every second row of m, last first.
std::vector<std::int32_t> some_rows(Index m) {
  std::vector<std::int32_t> rows;
  for (Index i = m - 1; i >= 0; i -= 2) rows.push_back(static_cast<std::int32_t>(i));
  return rows;
}

struct Normed {
  View x, weight, bias, y, mean, rstd;
};

Normed forward(Operands& operands, Shape shape, View rows, Affine affine) {
  Index const m = rows ? rows.size() : shape[0];
  Normed r{operands.random(shape, 1),
           affine == Affine::none ? View{} : operands.random({shape[1]}, 2),
           affine == Affine::both ? operands.random({shape[1]}, 3) : View{},
           operands.unset({m, shape[1]}),
           operands.sums().unset({m}),
           operands.sums().unset({m})};
  layer_norm_forward(operands.queue(), r.x, rows, r.weight, r.bias, r.y, r.mean, r.rstd);
  return r;
}

TEST_P(LayerNormTest, MatchesReferenceOnAllRows) {
  for (Shape shape : testing::matrix_shapes) {
    if (shape[1] == 1) continue;  // dx is zero but for rounding
    for (Affine affine : {Affine::none, Affine::weight, Affine::both})
      for (Write write : {Write::overwrite, Write::accumulate})
        expect_like_reference(
            [&](Operands& operands) {
              Normed const r = forward(operands, shape, {}, affine);
              View const dx =
                  write == Write::overwrite ? operands.unset(shape) : operands.random(shape, 4);
              View const dweight =
                  affine == Affine::none ? View{} : operands.sums().random({shape[1]}, 5);
              View const dbias =
                  affine == Affine::both ? operands.sums().random({shape[1]}, 6) : View{};
              layer_norm_backward(operands.queue(), operands.random(shape, 7), r.x, {}, r.weight,
                                  r.mean, r.rstd, write, dx, dweight, dbias);
              std::vector<View> results{r.y, r.mean, r.rstd, dx};
              if (dweight) results.push_back(dweight);
              if (dbias) results.push_back(dbias);
              return results;
            },
            to_string(shape));
  }
}

TEST_P(LayerNormTest, MatchesReferenceOnListedRows) {
  for (Shape shape : testing::matrix_shapes)
    expect_like_reference(
        [&](Operands& operands) {
          View const rows = operands.rows(some_rows(shape[0]));
          Normed const r = forward(operands, shape, rows, Affine::both);
          View const dx = operands.random(shape, 4), dbias = operands.sums().random({shape[1]}, 5);
          layer_norm_backward(operands.queue(), operands.random(r.y.shape(), 6), r.x, rows,
                              r.weight, r.mean, r.rstd, Write::accumulate, dx, {}, dbias);
          return std::vector<View>{r.y, r.mean, r.rstd, dx, dbias};
        },
        to_string(shape));
}

/// The sharded form of the whole op on one rank's columns [begin, end) of n; `exchange` adds up the
/// row sums of all ranks.
struct Shard {
  Shard(Operands& operands, Shape shape, Index begin, Index end)
      : operands(operands), m(shape[0]), width(shape[1]), begin(begin), n(end - begin) {}

  View columns(View whole) const { return whole.columns(begin, n); }
  View slice(View whole) const { return whole.rows(begin, n); }

  Operands& operands;
  Index m, width, begin, n;
  View sum = operands.sums().unset({m}), squares = operands.sums().unset({m});
  View mean = operands.sums().unset({m}), rstd = operands.sums().unset({m});
  View sums = operands.sums().unset({2 * m}).reshaped({m, 2});
};

/// Every result of forward and backward with the columns cut at `cut`: y, mean, rstd, dx, dweight,
/// dbias.
std::vector<View> sharded(Operands& operands, Shape shape, Index cut) {
  Queue& queue = operands.queue();
  View const x = operands.random(shape, 1), weight = operands.random({shape[1]}, 2);
  View const bias = operands.random({shape[1]}, 3), dy = operands.random(shape, 4);
  View const y = operands.unset(shape), dx = operands.unset(shape);
  View const dweight = operands.sums().random({shape[1]}, 5);
  View const dbias = operands.sums().random({shape[1]}, 6);
  Shard shards[] = {{operands, shape, 0, cut}, {operands, shape, cut, shape[1]}};
  auto const all_reduce = [&](View Shard::*sums) {
    add(queue, shards[1].*sums, shards[0].*sums);
    copy(queue, shards[0].*sums, shards[1].*sums);
  };
  for (Shard& s : shards) row_sum(queue, s.columns(x), s.sum);
  all_reduce(&Shard::sum);
  for (Shard& s : shards) row_centred_squares(queue, s.columns(x), s.sum, s.width, s.squares);
  all_reduce(&Shard::squares);
  for (Shard& s : shards) {
    layer_norm_apply(queue, s.columns(x), s.sum, s.squares, s.width, s.slice(weight), s.slice(bias),
                     s.columns(y), s.mean, s.rstd);
    layer_norm_backward_sums(queue, s.columns(dy), s.columns(x), s.slice(weight), s.mean, s.rstd,
                             s.sums, s.slice(dweight), s.slice(dbias));
  }
  all_reduce(&Shard::sums);
  for (Shard& s : shards)
    layer_norm_backward_apply(queue, s.columns(dy), s.columns(x), s.slice(weight), s.mean, s.rstd,
                              s.sums, s.width, s.columns(dx));
  return {y, shards[1].mean, shards[1].rstd, dx, dweight, dbias};
}

std::vector<View> whole(Operands& operands, Shape shape) {
  Normed const r = forward(operands, shape, {}, Affine::both);
  View const dx = operands.unset(shape), dweight = operands.sums().random({shape[1]}, 5),
             dbias = operands.sums().random({shape[1]}, 6);
  layer_norm_backward(operands.queue(), operands.random(shape, 4), r.x, {}, r.weight, r.mean,
                      r.rstd, Write::overwrite, dx, dweight, dbias);
  return {r.y, r.mean, r.rstd, dx, dweight, dbias};
}

TEST_P(LayerNormTest, ShardedPartsMatchReference) {
  for (Shape shape : testing::matrix_shapes) {
    // Over one column the gradient is exactly zero: what is left is rounding, with nothing to be
    // relative to.
    if (shape[1] == 1) continue;
    expect_like_reference(
        [&](Operands& operands) { return sharded(operands, shape, shape[1] / 3); },
        to_string(shape));
  }
}

TEST_P(LayerNormTest, ShardedPartsMayWriteOverTheirInput) {
  Shape const shape{70, 40};
  expect_like_reference(
      [&](Operands& operands) {
        Queue& queue = operands.queue();
        View const x = operands.random(shape, 1), y = operands.random(shape, 1);
        View const weight = operands.random({40}, 2), dy = operands.random(shape, 3);
        Shard s(operands, shape, 0, 40);
        row_sum(queue, y, s.sum);
        row_centred_squares(queue, y, s.sum, s.width, s.squares);
        layer_norm_apply(queue, y, s.sum, s.squares, s.width, weight, {}, y, s.mean, s.rstd);
        layer_norm_backward_sums(queue, dy, x, weight, s.mean, s.rstd, s.sums, {}, {});
        layer_norm_backward_apply(queue, dy, x, weight, s.mean, s.rstd, s.sums, s.width, x);
        return std::vector<View>{y, x};
      },
      to_string(shape));
}

TEST_P(LayerNormTest, ShardedEqualsWhole) {
  for (Shape shape : {Shape{3, 7}, Shape{65, 96}, Shape{130, 257}}) {
    auto const want = testing::results(GetParam(), testing::Layout::dense,
                                       [&](Operands& o) { return whole(o, shape); });
    auto const got = testing::results(GetParam(), testing::Layout::dense,
                                      [&](Operands& o) { return sharded(o, shape, shape[1] / 3); });
    for (std::size_t i = 0; i < want.size(); ++i)
      EXPECT_LE(testing::relative_distance(got[i].values, want[i].values), tolerance(got[i].dtype))
          << "result " << i << " of " << to_string(shape);
  }
}

TEST_P(LayerNormTest, SurvivesALargeMean) {
  expect_like_reference(
      [&](Operands& operands) {
        std::vector<double> values = testing::random_values(4 * 64, 1);
        for (double& value : values) value = 1000 + std::round(value * 64) / 64;
        View const x = operands.values({4, 64}, values), y = operands.unset({4, 64});
        layer_norm_forward(operands.queue(), x, {}, {}, {}, y, operands.sums().unset({4}),
                           operands.sums().unset({4}));
        return std::vector<View>{y};
      },
      "mean 1000, deviation 0.6");
}

TEST(LayerNorm, ReferenceHasMeanZeroAndDeviationOneBeforeTheAffinePart) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  View const x = operands.values({1, 4}, {1, 2, 3, 6}), y = operands.unset({1, 4});
  View const mean = operands.unset({1}), rstd = operands.unset({1});
  layer_norm_forward(queue, x, {}, operands.values({4}, {1, 1, 2, 2}),
                     operands.values({4}, {0, 5, 0, 0}), y, mean, rstd);
  double const r = 1 / std::sqrt(3.5 + 1e-5);  // squares 4 + 1 + 0 + 9, over 4
  EXPECT_EQ(testing::values_of(queue, mean), (std::vector<double>{3}));
  std::vector<double> const got = testing::values_of(queue, y), want{-2 * r, -r + 5, 0, 6 * r};
  for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 1e-15);
}

TEST(LayerNorm, BackwardMatchesFiniteDifferences) {
  for (bool listed : {false, true}) {
    auto const rows = [=](Operands& operands) {
      return listed ? operands.rows({4, 1, 2}) : View{};
    };
    Index const m = listed ? 3 : 5;
    testing::expect_backward_matches_finite_differences(
        {.inputs = {{5, 6}, {6}, {6}},
         .forward =
             [=](Operands& operands, auto const& in) {
               View const y = operands.unset({m, 6});
               layer_norm_forward(operands.queue(), in[0], rows(operands), in[1], in[2], y,
                                  operands.unset({m}), operands.unset({m}));
               return y;
             },
         .backward =
             [=](Operands& operands, auto const& in, View upstream) {
               View const mean = operands.unset({m}), rstd = operands.unset({m});
               layer_norm_forward(operands.queue(), in[0], rows(operands), in[1], in[2],
                                  operands.unset({m, 6}), mean, rstd);
               View const dx = operands.zeros({5, 6}), dweight = operands.zeros({6}),
                          dbias = operands.zeros({6});
               layer_norm_backward(operands.queue(), upstream, in[0], rows(operands), in[1], mean,
                                   rstd, Write::accumulate, dx, dweight, dbias);
               return std::vector<View>{dx, dweight, dbias};
             }},
        1e-7);
  }
}

TEST(LayerNorm, RefusesToOverwriteListedRows) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float32, testing::Layout::dense);
  Normed const r = forward(operands, {3, 4}, operands.rows({1}), Affine::none);
  EXPECT_THROW(layer_norm_backward(queue, r.y, r.x, operands.rows({1}), {}, r.mean, r.rstd,
                                   Write::overwrite, operands.unset({3, 4}), {}, {}),
               Error);
}

}  // namespace
}  // namespace accord
