#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "core/ops/adamw.hpp"
#include "core/tensor/parameter_store.hpp"

namespace accord {

/// Names of the state that AdamW keeps of each element, as the op has them and a checkpoint.
inline constexpr std::array<std::string_view, 2> adamw_states = {"exp_avg", "exp_avg_sq"};

/// What [optimizer] says (docs/model.md 4.1), with the defaults of all who ask for AdamW. clip_norm
/// <= 0: no clipping.
struct AdamwOptions {
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-8;
  double weight_decay = 0.05;
  double clip_norm = 3;
  EpsilonForm epsilon_form = EpsilonForm::corrected;
  /// Factor on the learning rate per parameter id (layer-wise decay, docs/model.md 4.8); empty: 1
  /// for all.
  std::vector<double> learning_rate_scale = {};
};

/// Flat elements [begin, begin + count) of a store that are updated with the same numbers.
struct UpdateRange {
  Index begin = 0, count = 0;
  double weight_decay = 0;
  double learning_rate_scale = 1;
  double lower = 0, upper = 0;  ///< ParameterSpec::bounds
};

/// Flat elements [begin, end) of the trainable part as few ranges, in order. Padding between
/// parameters may lie within a range: its gradient is zero, so it stays zero.
std::vector<UpdateRange> update_ranges(ParameterStore const& store, AdamwOptions const& options,
                                       Index begin, Index end);

/// The op's numbers for one range. step counts from 1.
AdamwStep step_of(AdamwOptions const& options, UpdateRange const& range, Index step,
                  double learning_rate, double gradient_scale);

}  // namespace accord
