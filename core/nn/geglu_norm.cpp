#include "core/nn/geglu_norm.hpp"

#include "core/ops/activation.hpp"
#include "core/ops/geglu_norm.hpp"

namespace accord {

Tensor GegluNorm::forward(Queue& queue, ConstView gate_up, LayerNorm::Saved& saved) const {
  Tensor y(queue, gate_up.dtype(), Shape{gate_up.rows(), gate_up.columns() / 2});
  if (norm_.sharded()) {
    geglu_forward(queue, gate_up, y);
    norm_.forward(queue, y, {}, y, saved);
    return y;
  }
  saved = norm_.statistics(queue, y);
  geglu_norm_forward(queue, gate_up, norm_.weight(), norm_.bias(), y, saved.mean, saved.rstd);
  return y;
}

void GegluNorm::backward(Queue& queue, ConstView dy, ConstView gate_up,
                         LayerNorm::Saved const& saved, View dgate_up) const {
  if (!norm_.sharded()) {
    geglu_norm_backward(queue, dy, gate_up, norm_.weight(), saved.mean, saved.rstd, dgate_up,
                        norm_.dweight(), norm_.dbias());
    return;
  }
  Tensor product(queue, dy.dtype(), dy.shape());
  geglu_forward(queue, gate_up, product);
  View const dproduct = product;
  norm_.backward(queue, dy, product, {}, saved, Write::overwrite, dproduct);
  geglu_backward(queue, dproduct, gate_up, dgate_up);
}

}  // namespace accord
