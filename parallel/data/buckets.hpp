#pragma once

#include <vector>

#include "core/comm/communicator.hpp"

namespace accord::parallel {

/// Elements [begin, begin + count) of a rank's flat storage.
struct FlatRange {
  Index begin = 0, count = 0;
  Index end() const { return begin + count; }
  friend bool operator==(FlatRange const&, FlatRange const&) = default;
};

/// A stretch of flat storage that data-parallel ranks reduce or gather at once, cut into equal
/// parts of `part` elements, one per rank; where the ranks do not divide it, the last parts are
/// short or empty.
struct Bucket {
  FlatRange range;
  Index part = 0;

  /// What data-parallel rank `rank` owns.
  FlatRange part_of(int rank) const;
};

/// Cuts [begin, end) into buckets of `elements` (rounded up to whole parts), from the end to the
/// beginning: the order in which backward completes gradients.
std::vector<Bucket> make_buckets(Index begin, Index end, Index elements, int ranks);

/// Collective: makes the bucket whole on every rank of `data` from the parts that each owns.
void all_gather_bucket(Queue& queue, Communicator& data, View flat, Bucket const& bucket);

}  // namespace accord::parallel
