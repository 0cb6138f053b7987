#pragma once

#include <vector>

#include "core/tensor/parameter_store.hpp"
#include "parallel/data/held_ranges.hpp"

namespace accord::parallel {

/// The weights that an update changes. In float64 and float32 they are the store's own values. A
/// bfloat16 store holds working weights, too coarse to add small updates to: here are their float32
/// masters, which every update ends by rounding into the store.
class Masters {
 public:
  /// Those of the ranges given, what this rank updates and its owned part of what is frozen, start
  /// as the store's values. The store outlives this.
  Masters(Queue& queue, ParameterStore& store, std::vector<FlatRange> ranges);

  /// They are not the store's values.
  bool apart() const { return static_cast<bool>(values_); }
  View of(FlatRange const& range);
  /// Where an update rounds what it writes into of(range): the working weights; empty if there are
  /// no others.
  View rounded(FlatRange const& range);
  /// After they were loaded: brings the working weights after them.
  void round_all(Queue& queue);

 private:
  View of_store(FlatRange const& range) {
    return store_.flat_values().rows(range.begin, range.count);
  }

  ParameterStore& store_;
  HeldRanges held_;
  Tensor values_;  ///< empty when the store's values are the masters
};

}  // namespace accord::parallel
