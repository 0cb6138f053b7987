#pragma once
// Which row of a relative-position table biases query i against key j (docs/model.md 1.5).
// Positions count the class token as 0.

#include <cstdint>
#include <vector>

#include "core/model/buffers.hpp"

namespace accord {

/// A square matrix of table rows, [size, size], query-major.
struct BucketMatrix {
  Index size = 0;
  Index rows = 0;  ///< of the table
  std::vector<std::int32_t> bucket;
};

/// How many positions log_buckets covers, as the official index matrix.
inline constexpr Index max_log_positions = 1024;

/// Logarithmic distance buckets of a 1-D sequence: exact up to beta / 2, then logarithmic up to
/// distance 1023; the class token's row, column and corner have rows of their own. Table rows:
/// log_bucket_rows(beta).
/// \throws UsageError beyond max_log_positions.
BucketMatrix log_buckets(Index size, Index beta);
constexpr Index log_bucket_rows(Index beta) { return 2 * beta + 2; }

/// How many positions grid_buckets covers: 128 x 128 places and the class token. Their matrix takes
/// 1 GiB.
inline constexpr Index max_grid_positions = 128 * 128 + 1;

/// Offsets on a grid of these extents, the last running fastest, behind a class token. Table rows:
/// product of 2 extent - 1, and three for the class token.
/// \throws UsageError beyond max_grid_positions.
BucketMatrix grid_buckets(std::vector<Index> const& extents);
/// Of a side x side grid.
constexpr Index grid_bucket_rows(Index side) { return (2 * side - 1) * (2 * side - 1) + 3; }

/// The matrix as the official adapters store it.
Buffer bucket_buffer(BucketMatrix matrix);

}  // namespace accord
