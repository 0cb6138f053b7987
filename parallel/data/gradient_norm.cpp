#include "parallel/data/gradient_norm.hpp"

#include <cmath>

#include "core/ops/sum_of_squares.hpp"

namespace accord::parallel {

GradientNorm::GradientNorm(ParameterStore& store, MeshGroups& groups, Ownership const& ownership)
    : store_(store), groups_(groups) {
  for (FlatRange const& range : ownership.trained())
    for (ParameterPiece const& piece : store.pieces(range.begin, range.end())) {
      if (!ownership.is_primary(piece.parameter)) continue;
      if (!counted_.empty() && counted_.back().end() == piece.flat_begin)
        counted_.back().count += piece.count;
      else
        counted_.push_back({piece.flat_begin, piece.count});
    }
}

double GradientNorm::operator()(Queue& queue) {
  // In float64 whatever the gradients' type: a float32 sum of squares would overflow, or lose small
  // ones, long before the norm does.
  Tensor sum = Tensor::zeros(queue, DType::float64, Shape{1});
  for (FlatRange const& range : counted_)
    sum_of_squares(queue, store_.flat_gradients().rows(range.begin, range.count), sum);
  for (Communicator* group : {groups_.data.get(), groups_.tensor.get(), groups_.pipeline.get()})
    group->all_reduce(queue, sum);
  return std::sqrt(to_host<double>(queue, sum)[0]);
}

}  // namespace accord::parallel
