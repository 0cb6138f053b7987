#pragma once

#include "core/nn/parameter_scope.hpp"

namespace accord {

/// y = x W^T (+ b)      x [rows, in]   W [out, in]   b [out]   y [rows, out]
/// Holds ids of parameters in a store that outlives it; a fused W is `members` parameters seen as
/// one.
class Linear {
 public:
  /// \param weight id of the (first) weight   \param bias id, or -1 for none
  Linear(ParameterStore& store, int weight, int bias = -1, int members = 1)
      : store_(&store), weight_(weight), bias_(bias), members_(members) {}

  Tensor forward(Queue& queue, ConstView x) const;
  void forward(Queue& queue, ConstView x, View y) const;
  /// Adds to the gradients of W and b where they train.
  void backward_parameters(Queue& queue, ConstView dy, ConstView x) const;
  /// dx = dy W, or dx += dy W with beta = 1.
  void backward_input(Queue& queue, ConstView dy, View dx, double beta = 0) const;
  /// Both; returns dx.
  Tensor backward(Queue& queue, ConstView dy, ConstView x) const;

  ConstView weight() const { return store_->fused_value(weight_, members_); }
  Index out_features() const { return weight().extent(0); }
  Index in_features() const { return weight().extent(1); }

 private:
  ParameterStore* store_;
  int weight_, bias_, members_;
};

enum class Bias : bool { none, added };

/// Adds `weight` [out, in] and, if asked for, `bias` [out] under a scope, every rank holding both.
Linear add_linear(ParameterScope const& scope, Index in, Index out, Bias bias = Bias::added);

}  // namespace accord
