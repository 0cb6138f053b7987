#include "core/model/modality/grid_positions.hpp"

#include "core/base/check.hpp"
#include "core/model/interpolation.hpp"
#include "core/ops/elementwise.hpp"
#include "core/ops/gemm.hpp"

namespace accord {
namespace {

Tensor resizing_weights(Queue& queue, Index from, Index to, DType dtype) {
  if (from == to) return {};
  std::vector<double> const weights = both_axes(bicubic_axis(from, to));
  Shape const shape{to * to, from * from};
  if (dtype == DType::float64) return Tensor::from_host(queue, std::span(weights), shape);
  if (dtype != DType::float32)
    throw UsageError(
        fmt::format("positions of {0} x {0} patches cannot be resized to {1} x {1} in {2}; leave "
                    "position_side out: the table is then resized once, when it is loaded",
                    from, to, name_of(dtype)));
  std::vector<float> const narrow(weights.begin(), weights.end());
  return Tensor::from_host(queue, std::span(narrow), shape);
}

}  // namespace

GridPositions::GridPositions(Queue& queue, ParameterScope const& scope, Index embed_dim,
                             Index table_side, Index side, DType dtype)
    : store_(&scope.store()),
      rows_(side * side + 1),
      table_(scope.of(ParameterPart::Kind::position_table)
                 .add({"pos_embed", {table_side * table_side + 1, embed_dim}, embedding_init()})),
      weights_(resizing_weights(queue, table_side, side, dtype)) {}

Tensor GridPositions::forward(Queue& queue) const {
  ConstView const table = store_->value(table_);
  Tensor positions(queue, table.dtype(), Shape{rows_, table.extent(1)});
  if (!resized()) {
    copy(queue, table, positions);
    return positions;
  }
  copy(queue, table.rows(0, 1), positions.view().rows(0, 1));
  gemm(queue, Transpose::no, weights_, Transpose::no, table.rows(1, table.extent(0) - 1),
       positions.view().rows(1, rows_ - 1));
  return positions;
}

void GridPositions::backward(Queue& queue, ConstView dpositions) const {
  View const dtable = store_->gradient(table_);
  if (!dtable) return;
  if (!resized()) return add(queue, dpositions, dtable);
  add(queue, dpositions.rows(0, 1), dtable.rows(0, 1));
  gemm(queue, Transpose::yes, weights_, Transpose::no, dpositions.rows(1, rows_ - 1),
       dtable.rows(1, dtable.extent(0) - 1), 1);
}

Tensor GridPositions::zero_gradient(Queue& queue) const {
  if (!store_->gradient(table_)) return {};
  return Tensor::zeros(queue, accumulator_of(store_->dtype()),
                       Shape{rows_, store_->value(table_).extent(1)});
}

}  // namespace accord
