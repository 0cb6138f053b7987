#include "core/model/modality/position_bias.hpp"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "core/base/check.hpp"

namespace accord {
namespace {

// g of spec 1.5: odd, the identity up to m = beta / 2, then logarithmic.
Index log_distance(Index r, Index beta) {
  Index const m = beta / 2, a = std::abs(r);
  if (a <= m) return r;
  double const ratio =
      std::log(static_cast<double>(a) / static_cast<double>(m)) /
      std::log(static_cast<double>(max_log_positions - 1) / static_cast<double>(m));
  auto const g = m + static_cast<Index>(std::ceil(ratio * static_cast<double>(m - 1)));
  return r < 0 ? -g : g;
}

}  // namespace

BucketMatrix log_buckets(Index size, Index beta) {
  if (size > max_log_positions)
    throw UsageError(
        fmt::format("a sequence of {} tokens exceeds the {} positions of the log buckets", size,
                    max_log_positions));
  BucketMatrix matrix{size, log_bucket_rows(beta),
                      std::vector<std::int32_t>(static_cast<std::size_t>(size * size))};
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) {
      Index bucket = log_distance(i - j, beta) + beta - 1;
      if (i == 0) bucket = 2 * beta - 1;
      if (j == 0) bucket = i == 0 ? 2 * beta + 1 : 2 * beta;
      matrix.bucket[static_cast<std::size_t>(i * size + j)] = static_cast<std::int32_t>(bucket);
    }
  return matrix;
}

BucketMatrix grid_buckets(Index side) {
  Index const size = side * side + 1, rows = grid_bucket_rows(side);
  BucketMatrix matrix{size, rows, std::vector<std::int32_t>(static_cast<std::size_t>(size * size))};
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) {
      Index bucket;
      if (i == 0) {
        bucket = j == 0 ? rows - 1 : rows - 3;
      } else if (j == 0) {
        bucket = rows - 2;
      } else {
        Index const p = i - 1, q = j - 1;
        bucket =
            (p / side - q / side + side - 1) * (2 * side - 1) + (p % side - q % side + side - 1);
      }
      matrix.bucket[static_cast<std::size_t>(i * size + j)] = static_cast<std::int32_t>(bucket);
    }
  return matrix;
}

Buffer bucket_buffer(BucketMatrix matrix) {
  return {"rp_bucket", {matrix.size, matrix.size}, DType::int64, std::move(matrix.bucket)};
}

}  // namespace accord
