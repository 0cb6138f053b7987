#pragma once
// Which of the library's algorithms a matrix product takes. The choice decides the order of
// summation, so those that are timed are made once, by all ranks alike, recorded, and taken again
// by whoever resumes (docs/decisions/0034).

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/stream.hpp"

namespace accord::cuda {

/// What a product does besides (Epilogue of core/ops/gemm.hpp).
enum class GemmExtra : std::uint8_t { none, bias, column_sums };

/// What the choice depends on. Packed row counts differ from step to step, and are the rows of C in
/// one product and the inner extent in another, so extents are buckets: all counts of a bucket
/// share one choice.
struct GemmKey {
  Index rows = 0, columns = 0, inner = 0;  ///< of C, and of the sums: as bucket_of() gives them
  bool transpose_a = false, transpose_b = false;
  DType operand = DType::bfloat16, result = DType::bfloat16;
  bool accumulate = false;  ///< beta != 0
  int alignment = 16;       ///< bytes to which operands and rows are aligned: 2, 4, 8 or 16
  GemmExtra extra = GemmExtra::none;

  auto operator<=>(GemmKey const&) const = default;
};

/// `extent` rounded up to an eighth of the leading power of two: at most 14 % apart within a
/// bucket, and multiples of powers of two, as widths are, are left alone.
Index bucket_of(Index extent);

/// The library's own description of an algorithm, opaque to us (cublasLtMatmulAlgo_t).
using GemmAlgorithm = std::array<std::uint64_t, 8>;

/// None: what the key wants besides the product is better done after it.
using GemmChoice = std::optional<GemmAlgorithm>;

/// The choices made so far. Those that were timed, or that others timed, are recorded; any other is
/// what the library proposes first, a function of the key, the device and the library.
class GemmAlgorithms {
 public:
  /// Null when none was made yet; while choices are timed, when none was timed.
  GemmChoice const* find(GemmKey const& key) const;
  GemmChoice const& remember(GemmKey const& key, GemmChoice const& choice);

  /// Whether a product not seen before is timed, or takes the first proposal.
  bool timing() const { return timing_; }
  void set_timing(bool timing) { timing_ = timing; }

  /// One line for each timed choice, in the order of keys.
  std::vector<std::string> lines() const;
  /// Takes them over, as timed, in place of what was chosen before. \throws DataError for a line
  /// that lines() does not write.
  void add(std::vector<std::string> const& lines);

 private:
  struct Chosen {
    GemmChoice choice;
    bool timed;
  };
  std::map<GemmKey, Chosen> chosen_;
  bool timing_ = false;
};

/// The choices for the products of a stream, none at first; as long-lived as the stream.
GemmAlgorithms& algorithms_of(Stream& stream);

}  // namespace accord::cuda
