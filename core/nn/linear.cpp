#include "core/nn/linear.hpp"

#include "core/ops/bias.hpp"
#include "core/ops/gemm.hpp"

namespace accord {

void Linear::forward(Queue& queue, ConstView x, View y) const {
  gemm(queue, Transpose::no, x, Transpose::yes, weight(), y, 0, 1,
       {.bias = bias_ >= 0 ? store_->value(bias_) : View()});
}

Tensor Linear::forward(Queue& queue, ConstView x) const {
  Tensor y(queue, x.dtype(), Shape{x.rows(), out_features()});
  forward(queue, x, y);
  return y;
}

void Linear::backward_parameters(Queue& queue, ConstView dy, ConstView x) const {
  View const dbias = bias_ >= 0 ? store_->gradient(bias_) : View();
  if (View dweight = store_->fused_gradient(weight_, members_))
    gemm(queue, Transpose::yes, dy, Transpose::no, x, dweight, 1, 1, {.column_sums = dbias});
  else if (dbias)
    bias_backward(queue, dy, dbias);
}

void Linear::backward_input(Queue& queue, ConstView dy, View dx, double beta) const {
  gemm(queue, Transpose::no, dy, Transpose::no, weight(), dx, beta);
}

Tensor Linear::backward(Queue& queue, ConstView dy, ConstView x) const {
  backward_parameters(queue, dy, x);
  Tensor dx(queue, dy.dtype(), Shape{dy.rows(), in_features()});
  backward_input(queue, dy, dx);
  return dx;
}

Linear add_linear(ParameterScope const& scope, Index in, Index out, Bias bias) {
  int const weight = scope.add({"weight", {out, in}, linear_init(in)});
  return {scope.store(), weight,
          bias == Bias::added ? scope.add({"bias", {out}, constant_init(0)}) : -1};
}

}  // namespace accord
