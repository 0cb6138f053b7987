#pragma once

#include <vector>

#include "core/tensor/view.hpp"
#include "parallel/data/buckets.hpp"

namespace accord::parallel {

/// The flat elements for which this rank holds a value each of something (a moment, a master), and
/// where in a tensor of such values those of a range lie: the ranges one after another.
class HeldRanges {
 public:
  HeldRanges() = default;
  /// \param ranges  disjoint, in any order
  explicit HeldRanges(std::vector<FlatRange> ranges);

  /// By flat position.
  std::vector<FlatRange> const& ranges() const { return ranges_; }
  /// Of all ranges together.
  Index size() const { return size_; }
  /// The values of `range`. \param values  [size()]
  /// \throws Error if it does not lie within one of ranges().
  View of(View values, FlatRange const& range) const;

 private:
  std::vector<FlatRange> ranges_;
  std::vector<Index> begins_;  ///< of each range in the tensor of values
  Index size_ = 0;
};

}  // namespace accord::parallel
