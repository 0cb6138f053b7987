#include "core/nn/layer_norm.hpp"

namespace accord {

void LayerNorm::forward(Queue& queue, ConstView x, ConstView rows, View y, Saved& saved) const {
  saved = statistics(queue, y);
  if (!sharded()) {
    layer_norm_forward(queue, x, rows, weight(), bias(), y, saved.mean, saved.rstd);
    return;
  }
  ACCORD_CHECK(!rows, "a sharded LayerNorm takes no row list");
  DType const sums = saved.mean.dtype();
  Tensor sum(queue, sums, Shape{x.rows()}), squares(queue, sums, Shape{x.rows()});
  row_sum(queue, x, sum);
  group_->all_reduce(queue, sum);
  row_centred_squares(queue, x, sum, width_, squares);
  group_->all_reduce(queue, squares);
  layer_norm_apply(queue, x, sum, squares, width_, weight(), bias(), y, saved.mean, saved.rstd);
}

Tensor LayerNorm::forward(Queue& queue, ConstView x, ConstView rows, Saved& saved) const {
  Tensor y(queue, x.dtype(), Shape{rows ? rows.rows() : x.rows(), x.columns()});
  forward(queue, x, rows, y, saved);
  return y;
}

void LayerNorm::backward(Queue& queue, ConstView dy, ConstView x, ConstView rows,
                         Saved const& saved, Write write, View dx) const {
  if (!sharded()) {
    layer_norm_backward(queue, dy, x, rows, weight(), saved.mean, saved.rstd, write, dx, dweight(),
                        dbias());
    return;
  }
  ACCORD_CHECK(!rows && write == Write::overwrite, "a sharded LayerNorm overwrites all rows of dx");
  Tensor sums(queue, saved.mean.dtype(), Shape{x.rows(), 2});
  layer_norm_backward_sums(queue, dy, x, weight(), saved.mean, saved.rstd, sums, dweight(),
                           dbias());
  group_->all_reduce(queue, sums);
  layer_norm_backward_apply(queue, dy, x, weight(), saved.mean, saved.rstd, sums, width_, dx);
}

LayerNorm add_layer_norm(ParameterScope const& scope, Index width) {
  int const weight = scope.add({"weight", {width}, constant_init(1)});
  return {scope.store(), weight, scope.add({"bias", {width}, constant_init(0)})};
}

}  // namespace accord
