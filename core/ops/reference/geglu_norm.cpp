#include "core/ops/geglu_norm.hpp"

#include "core/ops/activation.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/tensor/tensor.hpp"

// The definition: one op after the other.
namespace accord::reference {
namespace {

template <class T>
Tensor product_of(Queue& queue, ConstView gate_up) {
  Tensor product(queue, gate_up.dtype(), Shape{gate_up.rows(), gate_up.columns() / 2});
  geglu_forward<T>(queue, gate_up, product);
  return product;
}

}  // namespace

template <class T>
void geglu_norm_forward(Queue& queue, ConstView gate_up, ConstView weight, ConstView bias, View y,
                        View mean, View rstd) {
  layer_norm_forward<T>(queue, product_of<T>(queue, gate_up), {}, weight, bias, y, mean, rstd);
}
template void geglu_norm_forward<double>(Queue&, ConstView, ConstView, ConstView, View, View, View);
template void geglu_norm_forward<float>(Queue&, ConstView, ConstView, ConstView, View, View, View);

template <class T>
void geglu_norm_backward(Queue& queue, ConstView dy, ConstView gate_up, ConstView weight,
                         ConstView mean, ConstView rstd, View dgate_up, View dweight, View dbias) {
  Tensor const product = product_of<T>(queue, gate_up);
  Tensor dproduct(queue, product.dtype(), product.shape());
  layer_norm_backward<T>(queue, dy, product, {}, weight, mean, rstd, Write::overwrite, dproduct,
                         dweight, dbias);
  geglu_backward<T>(queue, dproduct, gate_up, dgate_up);
}
template void geglu_norm_backward<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                          ConstView, View, View, View);
template void geglu_norm_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                         ConstView, View, View, View);

}  // namespace accord::reference
