#pragma once

#include <array>
#include <vector>

#include "core/optim/adamw.hpp"
#include "parallel/data/held_ranges.hpp"
#include "parallel/data/masters.hpp"

namespace accord::parallel {

/// AdamW for the flat elements that one rank updates: its states and its arithmetic, and all that
/// ShardedOptimizer knows of it is here. Another optimizer is a class with these functions.
class AdamwUpdate {
 public:
  /// Names of the states; of each there is one value per element, zero at first, in the accumulator
  /// type.
  static constexpr auto const& states = adamw_states;

  AdamwUpdate(Queue& queue, ParameterStore const& store, HeldRanges held, AdamwOptions options);

  /// One step of all elements held.
  /// \param gradients  of the whole store, flat   \param step  from 1
  void run(Queue& queue, Masters& masters, ConstView gradients, Index step, double learning_rate,
           double gradient_scale);
  /// State number `state` of a range that is held.
  View state(std::size_t state, FlatRange const& range);

 private:
  HeldRanges held_;
  AdamwOptions options_;
  std::vector<UpdateRange> ranges_;
  std::array<Tensor, adamw_states.size()> values_;  ///< [held.size()] each
};

}  // namespace accord::parallel
