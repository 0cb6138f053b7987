#include "parallel/data/masters.hpp"

#include <utility>

#include "core/ops/elementwise.hpp"

namespace accord::parallel {

Masters::Masters(Queue& queue, ParameterStore& store, std::vector<FlatRange> ranges)
    : store_(store) {
  if (store.dtype() != DType::bfloat16) return;
  held_ = HeldRanges(std::move(ranges));
  values_ = Tensor(queue, accumulator_of(store.dtype()), Shape{held_.size()});
  for (FlatRange const& range : held_.ranges()) convert(queue, of_store(range), of(range));
}

View Masters::of(FlatRange const& range) {
  return apart() ? held_.of(values_, range) : of_store(range);
}

View Masters::rounded(FlatRange const& range) { return apart() ? of_store(range) : View{}; }

void Masters::round_all(Queue& queue) {
  for (FlatRange const& range : held_.ranges()) convert(queue, of(range), of_store(range));
}

}  // namespace accord::parallel
