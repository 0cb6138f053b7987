#include "core/model/interpolation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.hpp"
#include "core/model/modality/grid_positions.hpp"
#include "tests/support/gradcheck.hpp"

using namespace accord;

namespace {

double row_sum(AxisMap const& axis, Index i) {
  double sum = 0;
  for (Index j = 0; j < axis.from; ++j) sum += axis.at(i, j);
  return sum;
}

/// What the map makes of values at places.
double apply(AxisMap const& axis, Index i, std::vector<double> const& values) {
  double sum = 0;
  for (Index j = 0; j < axis.from; ++j) sum += axis.at(i, j) * values[static_cast<std::size_t>(j)];
  return sum;
}

}  // namespace

TEST(BicubicAxis, KeepsAConstantWhateverTheSizes) {
  for (auto [from, to] : {std::pair<Index, Index>{4, 7}, {7, 4}, {16, 24}, {1, 5}, {2, 3}})
    for (Index i = 0; i < to; ++i) EXPECT_NEAR(row_sum(bicubic_axis(from, to), i), 1, 1e-14);
}

TEST(BicubicAxis, IsTheIdentityBetweenEqualSizes) {
  AxisMap const axis = bicubic_axis(5, 5);
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 5; ++j) EXPECT_EQ(axis.at(i, j), i == j ? 1.0 : 0.0);
}

// Of twice the size the centres lie a quarter beside the source's: weights of Keys' kernel at 0.25.
TEST(BicubicAxis, TakesFourNeighboursAtHalfPixelCentres) {
  AxisMap const axis = bicubic_axis(8, 16);
  EXPECT_EQ(axis.at(7, 1), 0);
  EXPECT_NEAR(axis.at(7, 3), 0.87890625, 1e-15);
  EXPECT_NEAR(axis.at(7, 4), 0.26171875, 1e-15);
  EXPECT_NEAR(axis.at(7, 2), -0.10546875, 1e-15);
  EXPECT_NEAR(axis.at(7, 5), -0.03515625, 1e-15);
}

TEST(GeometricAxis, KeepsTheCentreAndAConstant) {
  for (auto [from, to] : {std::pair<Index, Index>{31, 47}, {7, 15}, {5, 9}, {3, 7}, {1, 3}}) {
    AxisMap const axis = geometric_axis(from, to);
    for (Index j = 0; j < from; ++j)
      EXPECT_NEAR(axis.at(to / 2, j), j == from / 2 ? 1 : 0, 1e-12) << from << " " << to;
    for (Index i = 0; i < to; ++i) EXPECT_NEAR(row_sum(axis, i), 1, 1e-12);
  }
}

// Spec section 9: q = 1.058432 from 31 to 47 offsets, so source offset 2 lies at 1 + q.
TEST(GeometricAxis, StretchesOffsetsByAGeometricSeries) {
  AxisMap const axis = geometric_axis(31, 47);
  double const q = 1.058432;
  std::vector<double> places(31, 0.0);
  double place = 0, step = 1;
  for (std::size_t i = 1; i <= 15; ++i) {
    place += step;
    step *= q;
    places[15 + i] = place;
    places[15 - i] = -place;
  }
  EXPECT_NEAR(place, 23, 2e-4);  // q is known to six places
  // A cubic spline reproduces cubic polynomials of the place: the offset itself, its cube.
  for (Index i = 1; i < 46; ++i) {
    auto const offset = static_cast<double>(i - 23);
    EXPECT_NEAR(apply(axis, i, places), offset, 2e-4);
    std::vector<double> cubes;
    for (double const x : places) cubes.push_back(x * x * x);
    EXPECT_NEAR(apply(axis, i, cubes), offset * offset * offset, 3 * 23 * 23 * 2e-4);
  }
}

TEST(GeometricAxis, RefusesToShrink) {
  EXPECT_THROW(geometric_axis(31, 23), UsageError);
  EXPECT_THROW(geometric_axis(4, 7), Error);
}

TEST(BiasTable, KeepsTheRowsOfTheClassToken) {
  std::vector<double> table;  // 4 x 4 patches: 49 offsets and three rows, two columns
  for (int i = 0; i < 2 * 52; ++i) table.push_back(i);
  std::vector<double> const larger = resize_bias_table(table, 4, 6);
  ASSERT_EQ(larger.size(), 2u * (121 + 3));
  for (std::size_t i = 1; i <= 6; ++i) EXPECT_EQ(larger.end()[-i], table.end()[-i]);
  EXPECT_NEAR(larger[2 * 60], table[2 * 24], 1e-12);  // no offset at all
}

TEST(PositionTable, KeepsTheRowOfTheClassToken) {
  std::vector<double> table;
  for (int i = 0; i < 3 * 5; ++i) table.push_back(i);
  std::vector<double> const larger = resize_position_table(table, 2, 3);
  ASSERT_EQ(larger.size(), 3u * 10);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(larger[i], table[i]);
  EXPECT_NEAR(larger[3 * 5], 7.5, 1e-12);  // the middle of four
}

TEST(GridPositions, BackwardMatchesFiniteDifferences) {
  struct Positions {
    Positions(Queue& queue, Index side)
        : positions(queue, ParameterScope(store, rules), 4, 3, side, DType::float64) {
      store.allocate(queue, DType::float64);
    }
    ParameterStore store;
    ParameterScope::Rules rules;
    GridPositions positions;
  };
  using accord::testing::Operands;
  for (Index const side : {2, 3, 5})
    accord::testing::expect_backward_matches_finite_differences(
        {.inputs = {Shape{10, 4}},  // 3 x 3 patches and the class token
         .forward =
             [&](Operands& operands, std::vector<View> const& in) {
               Positions p(operands.queue(), side);
               copy(operands.queue(), in[0], p.store.value(0));
               Tensor const result = p.positions.forward(operands.queue());
               return operands.values(result.shape(), to_host<double>(operands.queue(), result));
             },
         .backward =
             [&](Operands& operands, std::vector<View> const&, View upstream) {
               Positions p(operands.queue(), side);
               p.positions.backward(operands.queue(), upstream);
               View const gradient = p.store.gradient(0);
               return std::vector<View>{
                   operands.values(gradient.shape(), to_host<double>(operands.queue(), gradient))};
             }});
}
