#pragma once
// Which of the library's algorithms a matrix product takes. The choice decides the order of
// summation, so it is made once, recorded, and taken again by whoever resumes.

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "core/base/dtype.hpp"

namespace accord::cuda {

/// What the choice depends on. Packed row counts differ from step to step, so `rows` is a bucket:
/// all counts of a bucket share one choice.
struct GemmKey {
  Index rows = 0;  ///< of C, as row_bucket() gives them
  Index columns = 0, inner = 0;
  bool transpose_a = false, transpose_b = false;
  DType operand = DType::bfloat16, result = DType::bfloat16;
  bool accumulate = false;  ///< beta != 0
  int alignment = 16;       ///< bytes to which operands and rows are aligned: 2, 4, 8 or 16

  auto operator<=>(GemmKey const&) const = default;
};

/// `rows` rounded up to an eighth of the leading power of two: at most 14 % apart within a bucket.
Index row_bucket(Index rows);

/// The library's own description of an algorithm, opaque to us (cublasLtMatmulAlgo_t).
using GemmAlgorithm = std::array<std::uint64_t, 8>;

/// The choices made so far.
class GemmAlgorithms {
 public:
  /// Null when none was made yet.
  GemmAlgorithm const* find(GemmKey const& key) const;
  void remember(GemmKey const& key, GemmAlgorithm const& algorithm) { chosen_[key] = algorithm; }

  /// One line per choice, in the order of keys, for load() and for a checkpoint.
  std::string text() const;
  /// \throws DataError for a line that text() does not write.
  void load(std::string const& text);

 private:
  std::map<GemmKey, GemmAlgorithm> chosen_;
};

}  // namespace accord::cuda
