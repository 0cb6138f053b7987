#include "core/model/modality/position_bias.hpp"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "core/base/check.hpp"

namespace accord {
namespace {

// g of docs/model.md 1.5: odd, the identity up to m = beta / 2, then logarithmic.
Index log_distance(Index r, Index beta) {
  Index const m = beta / 2, a = std::abs(r);
  if (a <= m) return r;
  double const ratio =
      std::log(static_cast<double>(a) / static_cast<double>(m)) /
      std::log(static_cast<double>(max_log_positions - 1) / static_cast<double>(m));
  auto const g = m + static_cast<Index>(std::ceil(ratio * static_cast<double>(m - 1)));
  return r < 0 ? -g : g;
}

void check_size(Index size, Index most, char const* buckets) {
  if (size > most)
    throw UsageError(fmt::format("a sequence of {} tokens exceeds the {} positions of the {}", size,
                                 most, buckets));
}

}  // namespace

BucketMatrix log_buckets(Index size, Index beta) {
  check_size(size, max_log_positions, "log buckets");
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

BucketMatrix grid_buckets(std::vector<Index> const& extents) {
  Index places = 1, offsets = 1;
  for (Index const extent : extents) {
    places *= extent;
    offsets *= 2 * extent - 1;
  }
  Index const size = places + 1, rows = offsets + 3;
  check_size(size, max_grid_positions, "grid buckets");
  BucketMatrix matrix{size, rows, std::vector<std::int32_t>(static_cast<std::size_t>(size * size))};
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) {
      Index bucket = 0;
      if (i == 0) {
        bucket = j == 0 ? rows - 1 : rows - 3;
      } else if (j == 0) {
        bucket = rows - 2;
      } else {
        Index p = i - 1, q = j - 1, stride = 1;
        for (std::size_t d = extents.size(); d-- > 0;) {
          Index const extent = extents[d];
          bucket += stride * (p % extent - q % extent + extent - 1);
          stride *= 2 * extent - 1;
          p /= extent;
          q /= extent;
        }
      }
      matrix.bucket[static_cast<std::size_t>(i * size + j)] = static_cast<std::int32_t>(bucket);
    }
  return matrix;
}

Buffer bucket_buffer(BucketMatrix matrix) {
  return {"rp_bucket", {matrix.size, matrix.size}, DType::int64, std::move(matrix.bucket)};
}

}  // namespace accord
