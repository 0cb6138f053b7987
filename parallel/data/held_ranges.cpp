#include "parallel/data/held_ranges.hpp"

#include <algorithm>
#include <utility>

namespace accord::parallel {

HeldRanges::HeldRanges(std::vector<FlatRange> ranges) : ranges_(std::move(ranges)) {
  std::sort(ranges_.begin(), ranges_.end(),
            [](FlatRange const& a, FlatRange const& b) { return a.begin < b.begin; });
  for (FlatRange const& range : ranges_) {
    begins_.push_back(size_);
    size_ += range.count;
  }
}

View HeldRanges::of(View values, FlatRange const& range) const {
  auto const behind =
      std::partition_point(ranges_.begin(), ranges_.end(),
                           [&](FlatRange const& held) { return held.begin <= range.begin; });
  ACCORD_CHECK(behind != ranges_.begin() && range.end() <= std::prev(behind)->end(),
               "flat elements [{}, {}) are not held here", range.begin, range.end());
  auto const held = behind - ranges_.begin() - 1;
  auto const at = static_cast<std::size_t>(held);
  return values.rows(begins_[at] + range.begin - ranges_[at].begin, range.count);
}

}  // namespace accord::parallel
