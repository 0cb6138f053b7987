#pragma once
// Tables over a square grid carried to another grid: a linear map per axis, the same for rows and
// columns. A model is fine-tuned at a higher resolution than it was trained at this way.

#include <vector>

#include "core/base/dtype.hpp"

namespace accord {

/// What each of `to` places along an axis takes of `from` places: weights [to, from], row-major.
struct AxisMap {
  Index to = 0, from = 0;
  std::vector<double> weights;

  double at(Index i, Index j) const { return weights[static_cast<std::size_t>(i * from + j)]; }
};

/// Absolute positions (docs/model.md 1.3): cubic convolution with coefficient -0.75, half-pixel
/// centres, clamped at the border, no antialiasing: torch.nn.functional.interpolate(mode =
/// "bicubic", align_corners = false).
AxisMap bicubic_axis(Index from, Index to);

/// Offsets of a relative-position table (docs/model.md 6): `from` = 2 w - 1 offsets of a grid of w
/// patches are taken to lie at 0, +-1, +-(1 + q), +-(1 + q + q^2), ..., with q in [1.01, 1.5] such
/// that the outermost meets the outermost of `to` = 2 w' - 1 offsets, so that near offsets keep
/// their meaning and far ones are stretched. Between them runs the interpolating cubic spline
/// without knots at the second and the second last (as FITPACK's); the polynomial through all where
/// there are fewer than four; outside it is constant. \throws UsageError if to < from: a table
/// cannot shrink; Error if either is even
AxisMap geometric_axis(Index from, Index to);

/// Both axes at once: weights [to * to, from * from], places of the grid row after row.
std::vector<double> both_axes(AxisMap const& axis);

/// values [from * from, columns] -> [to * to, columns], row-major.
std::vector<double> resize_grid(AxisMap const& axis, std::vector<double> const& values);

/// A relative-position table of a grid (position_bias.hpp) for a larger grid: the offsets by
/// geometric_axis(), the three rows of the class token as they are.
/// values [grid_bucket_rows(from_side), columns] -> [grid_bucket_rows(to_side), columns]
std::vector<double> resize_bias_table(std::vector<double> const& values, Index from_side,
                                      Index to_side);
/// An absolute position table of a grid, row 0 the class token's, which stays, for another grid.
/// values [from_side^2 + 1, columns] -> [to_side^2 + 1, columns]
std::vector<double> resize_position_table(std::vector<double> const& values, Index from_side,
                                          Index to_side);

}  // namespace accord
