#include "core/tensor/tensor.hpp"

#include <cstring>

namespace accord {

Tensor::Tensor(Queue& queue, DType dtype, Shape shape) : memory_(&queue.memory()) {
  std::size_t const bytes = static_cast<std::size_t>(shape.size()) * size_of(dtype);
  view_ = View(memory_->allocate(bytes), dtype, shape);
}

Tensor::~Tensor() {
  if (memory_) memory_->release(view_.data(), view_.bytes());
}

Tensor Tensor::zeros(Queue& queue, DType dtype, Shape shape) {
  Tensor tensor(queue, dtype, shape);
  zero(queue, tensor);
  return tensor;
}

Tensor Tensor::copied(Queue& queue, void const* values, DType dtype, Shape shape, Index count) {
  ACCORD_CHECK(shape.size() == count, "{} values for a tensor {}", count, to_string(shape));
  Tensor tensor(queue, dtype, shape);
  if (count > 0) std::memcpy(tensor.view_.data(), values, tensor.view_.bytes());
  return tensor;
}

template <class T>
std::vector<T> to_host(Queue& queue, ConstView view) {
  queue.wait();
  T const* data = view.as<T>();
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(view.size()));
  for (Index row = 0; row < view.rows(); ++row)
    values.insert(values.end(), data + row * view.stride(),
                  data + row * view.stride() + view.columns());
  return values;
}
template std::vector<double> to_host(Queue&, ConstView);
template std::vector<float> to_host(Queue&, ConstView);
template std::vector<std::uint8_t> to_host(Queue&, ConstView);
template std::vector<std::int32_t> to_host(Queue&, ConstView);
template std::vector<std::int64_t> to_host(Queue&, ConstView);

void copy(Queue&, ConstView from, View to) {
  ACCORD_CHECK(from.shape() == to.shape() && from.dtype() == to.dtype(),
               "copy: from {} {} to {} {}", name_of(from.dtype()), to_string(from.shape()),
               name_of(to.dtype()), to_string(to.shape()));
  std::size_t const width = static_cast<std::size_t>(from.columns()) * size_of(from.dtype());
  for (Index row = 0; row < from.rows(); ++row)
    std::memcpy(
        static_cast<std::byte*>(to.data()) + row * to.stride() * size_of(to.dtype()),
        static_cast<std::byte const*>(from.data()) + row * from.stride() * size_of(from.dtype()),
        width);
}

void zero(Queue&, View view) {
  std::size_t const width = static_cast<std::size_t>(view.columns()) * size_of(view.dtype());
  for (Index row = 0; row < view.rows(); ++row)
    std::memset(static_cast<std::byte*>(view.data()) +
                    row * view.stride() * static_cast<Index>(size_of(view.dtype())),
                0, width);
}

}  // namespace accord
