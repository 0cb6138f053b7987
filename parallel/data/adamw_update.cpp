#include "parallel/data/adamw_update.hpp"

#include <utility>

namespace accord::parallel {

AdamwUpdate::AdamwUpdate(Queue& queue, ParameterStore const& store, HeldRanges held,
                         AdamwOptions options)
    : held_(std::move(held)), options_(std::move(options)) {
  for (Tensor& values : values_)
    values = Tensor::zeros(queue, accumulator_of(store.dtype()), Shape{held_.size()});
  for (FlatRange const& range : held_.ranges())
    for (UpdateRange const& update : update_ranges(store, options_, range.begin, range.end()))
      ranges_.push_back(update);
}

void AdamwUpdate::run(Queue& queue, Masters& masters, ConstView gradients, Index step,
                      double learning_rate, double gradient_scale) {
  for (UpdateRange const& range : ranges_) {
    FlatRange const flat{range.begin, range.count};
    adamw_update(queue, step_of(options_, range, step, learning_rate, gradient_scale),
                 masters.of(flat), gradients.rows(flat.begin, flat.count), state(0, flat),
                 state(1, flat), masters.rounded(flat));
  }
}

View AdamwUpdate::state(std::size_t state, FlatRange const& range) {
  return held_.of(values_[state], range);
}

}  // namespace accord::parallel
