#include "core/optim/adamw.hpp"

#include <cmath>
#include <limits>

namespace accord {
namespace {

bool same_numbers(UpdateRange const& a, UpdateRange const& b) {
  return a.weight_decay == b.weight_decay && a.learning_rate_scale == b.learning_rate_scale &&
         a.lower == b.lower && a.upper == b.upper;
}

UpdateRange range_of(ParameterStore const& store, AdamwOptions const& options,
                     ParameterPiece const& piece) {
  ParameterSpec const& spec = store.spec(piece.parameter);
  return {.begin = piece.flat_begin,
          .count = piece.count,
          .weight_decay = spec.decay ? options.weight_decay : 0.0,
          .learning_rate_scale =
              options.learning_rate_scale.empty()
                  ? 1.0
                  : options.learning_rate_scale.at(static_cast<std::size_t>(piece.parameter)),
          .lower = spec.bounds.lower,
          .upper = spec.bounds.upper};
}

}  // namespace

std::vector<UpdateRange> update_ranges(ParameterStore const& store, AdamwOptions const& options,
                                       Index begin, Index end) {
  std::vector<UpdateRange> ranges;
  for (ParameterPiece const& piece : store.pieces(begin, end)) {
    UpdateRange const range = range_of(store, options, piece);
    if (!ranges.empty() && same_numbers(ranges.back(), range))
      ranges.back().count = range.begin + range.count - ranges.back().begin;
    else
      ranges.push_back(range);
  }
  return ranges;
}

AdamwStep step_of(AdamwOptions const& options, UpdateRange const& range, Index step,
                  double learning_rate, double gradient_scale) {
  return {.learning_rate = learning_rate * range.learning_rate_scale,
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .epsilon = options.epsilon,
          .weight_decay = range.weight_decay,
          .step = step,
          .gradient_scale = gradient_scale,
          .epsilon_form = options.epsilon_form,
          .lower = range.lower,
          .upper = range.upper};
}

}  // namespace accord
