#pragma once

#include "core/comm/communicator.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/ops/layer_norm.hpp"

namespace accord {

/// LayerNorm over the last dimension (ops/layer_norm.hpp), whole on every rank or sharded:
/// ONE-PEACE normalises inside both tensor-parallel regions, where a rank holds n of the `width`
/// columns and the row statistics are summed over the group, forward and backward
/// (docs/derivations/sharded-layer-norm.md).
class LayerNorm {
 public:
  struct Saved {
    Tensor mean, rstd;  ///< [m] accumulator type
  };

  /// \param weight, bias  ids, or -1 for no affine part
  LayerNorm(ParameterStore& store, int weight, int bias)
      : store_(&store), weight_(weight), bias_(bias) {}
  /// The sharded form over `group` of a norm whose whole width is `width`.
  LayerNorm(ParameterStore& store, int weight, int bias, Communicator& group, Index width)
      : store_(&store), weight_(weight), bias_(bias), group_(&group), width_(width) {}

  /// y [m, n] = the norm of rows `rows` of x (all when empty). Sharded: no row list, and y may be
  /// x.
  void forward(Queue& queue, ConstView x, ConstView rows, View y, Saved& saved) const;
  Tensor forward(Queue& queue, ConstView x, ConstView rows, Saved& saved) const;
  /// The forward's result once more, from saved statistics' input: bit for bit the same y.
  Tensor recompute(Queue& queue, ConstView x, ConstView rows) const {
    Saved discarded;
    return forward(queue, x, rows, discarded);
  }
  /// dx[rows] = or += gradient; adds to the gradients of weight and bias. Sharded: overwritten, may
  /// be dy or x.
  void backward(Queue& queue, ConstView dy, ConstView x, ConstView rows, Saved const& saved,
                Write write, View dx) const;

  // For an op that fuses the norm with what comes before it. Whole rows only.

  bool sharded() const { return group_ && group_->size() > 1; }
  ConstView weight() const {
    return weight_ >= 0 ? ConstView(store_->value(weight_)) : ConstView{};
  }
  ConstView bias() const { return bias_ >= 0 ? ConstView(store_->value(bias_)) : ConstView{}; }
  View dweight() const { return weight_ >= 0 ? store_->gradient(weight_) : View{}; }
  View dbias() const { return bias_ >= 0 ? store_->gradient(bias_) : View{}; }
  /// Room for the statistics of the rows of y.
  static Saved statistics(Queue& queue, ConstView y) {
    DType const dtype = accumulator_of(y.dtype());
    return {Tensor(queue, dtype, Shape{y.rows()}), Tensor(queue, dtype, Shape{y.rows()})};
  }

 private:
  ParameterStore* store_;
  int weight_, bias_;
  Communicator* group_ = nullptr;
  Index width_ = 0;
};

/// Adds `weight` and `bias` [width] under a scope, every rank holding both.
LayerNorm add_layer_norm(ParameterScope const& scope, Index width);

}  // namespace accord
