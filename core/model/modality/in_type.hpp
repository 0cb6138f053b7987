#pragma once

#include "core/ops/elementwise.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

/// x in another type (convert()); x itself where it has that type.
inline Tensor in_type(Queue& queue, Tensor x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor converted(queue, dtype, x.shape());
  convert(queue, x, converted);
  return converted;
}

}  // namespace accord
