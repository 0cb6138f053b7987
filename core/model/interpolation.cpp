#include "core/model/interpolation.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/check.hpp"
#include "core/model/modality/position_bias.hpp"

namespace accord {
namespace {

// Keys' cubic convolution kernel with coefficient a, at distance x >= 0.
double cubic_kernel(double x) {
  constexpr double a = -0.75;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

// sum_{k < n} q^k
double geometric_sum(double q, Index n) {
  return (1 - std::pow(q, static_cast<double>(n))) / (1 - q);
}

// Where the offsets of the source lie. The bisection stops where the official one does: its last
// middle is part of the result.
std::vector<double> geometric_places(Index from, Index to) {
  double low = 1.01, high = 1.5, q = low;
  Index const half = to / 2;
  while (high - low > 1e-6) {
    q = (low + high) / 2;
    (geometric_sum(q, from / 2) > static_cast<double>(half) ? high : low) = q;
  }
  std::vector<double> places(static_cast<std::size_t>(from), 0.0);
  auto const centre = places.begin() + from / 2;
  double place = 1;
  for (Index i = 1; i <= from / 2; ++i) {
    centre[i] = place;
    centre[-i] = -place;
    place += std::pow(q, static_cast<double>(i));
  }
  return places;
}

// The B-splines of one degree on clamped knots.
struct SplineBasis {
  Index degree = 0;
  std::vector<double> knots;

  Index size() const { return static_cast<Index>(knots.size()) - degree - 1; }
  // All of them at x (Cox and de Boor), x within the knots.
  std::vector<double> at(double x) const {
    auto const knot = [&](Index i) { return knots[static_cast<std::size_t>(i)]; };
    Index span = degree;
    while (span + 1 < size() && x >= knot(span + 1)) ++span;
    std::vector<double> basis(static_cast<std::size_t>(size()), 0.0);
    basis[static_cast<std::size_t>(span)] = 1;
    for (Index k = 1; k <= degree; ++k)
      for (Index i = span - k; i <= span; ++i) {
        auto const n = static_cast<std::size_t>(i);
        double const rise = i > span - k ? (x - knot(i)) / (knot(i + k) - knot(i)) * basis[n] : 0;
        double const fall =
            i < span ? (knot(i + k + 1) - x) / (knot(i + k + 1) - knot(i + 1)) * basis[n + 1] : 0;
        basis[n] = rise + fall;
      }
    return basis;
  }
};

// The basis in which a spline through values at `places` is unique: FITPACK's knots.
SplineBasis interpolating_basis(std::vector<double> const& places) {
  auto const n = static_cast<Index>(places.size());
  SplineBasis basis{std::min<Index>(3, n - 1), {}};
  auto const border = static_cast<std::size_t>(basis.degree + 1);
  basis.knots.assign(border, places.front());
  for (Index i = 2; i < n - 2; ++i) basis.knots.push_back(places[static_cast<std::size_t>(i)]);
  basis.knots.insert(basis.knots.end(), border, places.back());
  return basis;
}

// Solves x A = b for each row b, by elimination with pivots. A [n][n] is consumed.
std::vector<std::vector<double>> solve_rows(std::vector<std::vector<double>> a,
                                            std::vector<std::vector<double>> rows) {
  std::size_t const n = a.size();
  for (std::size_t k = 0; k < n; ++k) {  // columns of A and of b are combined alike
    std::size_t pivot = k;
    for (std::size_t j = k + 1; j < n; ++j)
      if (std::abs(a[k][j]) > std::abs(a[k][pivot])) pivot = j;
    auto const combine = [&](std::vector<double>& row, std::vector<double> const& factors) {
      std::swap(row[k], row[pivot]);
      for (std::size_t j = 0; j < n; ++j)
        if (j != k) row[j] -= factors[j] * row[k];
    };
    std::vector<double> factors = a[k];
    std::swap(factors[k], factors[pivot]);
    double const divisor = factors[k];
    for (double& factor : factors) factor /= divisor;
    for (auto& row : a) combine(row, factors);
    for (auto& row : rows) combine(row, factors);
    for (auto& row : a) row[k] /= divisor;
    for (auto& row : rows) row[k] /= divisor;
  }
  return rows;  // A is the identity now
}

AxisMap axis_map(std::vector<std::vector<double>> const& rows) {
  AxisMap map{static_cast<Index>(rows.size()), static_cast<Index>(rows.front().size()), {}};
  for (auto const& row : rows) map.weights.insert(map.weights.end(), row.begin(), row.end());
  return map;
}

}  // namespace

AxisMap bicubic_axis(Index from, Index to) {
  std::vector<std::vector<double>> rows;
  for (Index i = 0; i < to; ++i) {
    std::vector<double>& row = rows.emplace_back(static_cast<std::size_t>(from), 0.0);
    double const centre =
        (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    auto const first = static_cast<Index>(std::floor(centre)) - 1;
    for (Index j = first; j < first + 4; ++j)
      row[static_cast<std::size_t>(std::clamp<Index>(j, 0, from - 1))] +=
          cubic_kernel(std::abs(centre - static_cast<double>(j)));
  }
  return axis_map(rows);
}

AxisMap geometric_axis(Index from, Index to) {
  ACCORD_CHECK(from % 2 == 1 && to % 2 == 1, "{} to {} offsets: both are odd numbers", from, to);
  if (to < from)
    throw UsageError(fmt::format(
        "a relative-position table of {0} x {0} offsets cannot shrink to {1} x {1}; keep the size "
        "of the pictures it was trained with, or choose a larger one",
        from, to));
  std::vector<double> const places = geometric_places(from, to);
  SplineBasis const basis = interpolating_basis(places);
  Index const half = to / 2;
  std::vector<std::vector<double>> at_places, wanted;
  for (double const place : places) at_places.push_back(basis.at(place));
  for (Index i = 0; i < to; ++i)
    wanted.push_back(
        basis.at(std::clamp(static_cast<double>(i - half), places.front(), places.back())));
  return axis_map(solve_rows(std::move(at_places), std::move(wanted)));
}

std::vector<double> both_axes(AxisMap const& axis) {
  std::vector<double> weights;
  for (Index row = 0; row < axis.to; ++row)
    for (Index column = 0; column < axis.to; ++column)
      for (Index i = 0; i < axis.from; ++i)
        for (Index j = 0; j < axis.from; ++j)
          weights.push_back(axis.at(row, i) * axis.at(column, j));
  return weights;
}

std::vector<double> resize_grid(AxisMap const& axis, std::vector<double> const& values) {
  auto const places = static_cast<std::size_t>(axis.from * axis.from);
  ACCORD_CHECK(values.size() % places == 0, "{} values on a grid of {} x {}", values.size(),
               axis.from, axis.from);
  std::size_t const columns = values.size() / places;
  std::vector<double> const weights = both_axes(axis);
  std::vector<double> result(static_cast<std::size_t>(axis.to * axis.to) * columns, 0.0);
  for (std::size_t i = 0; i < weights.size() / places; ++i)
    for (std::size_t j = 0; j < places; ++j)
      for (std::size_t c = 0; c < columns; ++c)
        result[i * columns + c] += weights[i * places + j] * values[j * columns + c];
  return result;
}

namespace {

// The rows of the grid are resized; `before` rows ahead of them and what follows them stay.
std::vector<double> resize_rows(AxisMap const& axis, std::vector<double> const& values,
                                std::size_t rows, std::size_t before) {
  ACCORD_CHECK(values.size() % rows == 0, "{} values in {} rows", values.size(), rows);
  auto const columns = static_cast<std::ptrdiff_t>(values.size() / rows);
  auto const begin = values.begin() + static_cast<std::ptrdiff_t>(before) * columns;
  auto const end = begin + axis.from * axis.from * columns;
  std::vector<double> result(values.begin(), begin);
  std::vector<double> const resized = resize_grid(axis, {begin, end});
  result.insert(result.end(), resized.begin(), resized.end());
  result.insert(result.end(), end, values.end());
  return result;
}

}  // namespace

std::vector<double> resize_bias_table(std::vector<double> const& values, Index from_side,
                                      Index to_side) {
  return resize_rows(geometric_axis(2 * from_side - 1, 2 * to_side - 1), values,
                     static_cast<std::size_t>(grid_bucket_rows(from_side)), 0);
}

std::vector<double> resize_position_table(std::vector<double> const& values, Index from_side,
                                          Index to_side) {
  return resize_rows(bicubic_axis(from_side, to_side), values,
                     static_cast<std::size_t>(from_side * from_side + 1), 1);
}

}  // namespace accord
