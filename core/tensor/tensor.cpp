#include "core/tensor/tensor.hpp"

#include <cstring>

#include "core/base/build.hpp"
#include "core/base/trace.hpp"

namespace accord {
namespace {

std::size_t width_bytes(ConstView view) {
  return static_cast<std::size_t>(view.columns()) * size_of(view.dtype());
}

std::size_t pitch_bytes(ConstView view) {
  return static_cast<std::size_t>(view.stride()) * size_of(view.dtype());
}

}  // namespace

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
  upload(queue, values, tensor);
  return tensor;
}

void upload(Queue& queue, void const* values, View to) {
  ACCORD_CHECK(to.contiguous(), "host memory is copied whole");
  if (to.size() == 0) return;
  OpSpan const span(queue, "upload");
  if constexpr (build::has_cuda)
    if (queue.backend() == Backend::cuda)
      return queue.stream().upload(to.data(), values, to.bytes());
  std::memcpy(to.data(), values, to.bytes());
}

template <class T>
std::vector<T> to_host(Queue& queue, ConstView view) {
  T const* data = view.as<T>();
  OpSpan const span(queue, "to_host");
  if constexpr (build::has_cuda)
    if (queue.backend() == Backend::cuda) {
      std::vector<T> values(static_cast<std::size_t>(view.size()));
      queue.stream().copy(values.data(), width_bytes(view), data, pitch_bytes(view),
                          width_bytes(view), static_cast<std::size_t>(view.rows()));
      queue.wait();
      return values;
    }
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(view.size()));
  for (Index row = 0; row < view.rows(); ++row)
    values.insert(values.end(), data + row * view.stride(),
                  data + row * view.stride() + view.columns());
  return values;
}
template std::vector<double> to_host(Queue&, ConstView);
template std::vector<float> to_host(Queue&, ConstView);
template std::vector<BFloat16> to_host(Queue&, ConstView);
template std::vector<std::uint8_t> to_host(Queue&, ConstView);
template std::vector<std::int32_t> to_host(Queue&, ConstView);
template std::vector<std::int64_t> to_host(Queue&, ConstView);

void copy(Queue& queue, ConstView from, View to) {
  ACCORD_CHECK(from.shape() == to.shape() && from.dtype() == to.dtype(),
               "copy: from {} {} to {} {}", name_of(from.dtype()), to_string(from.shape()),
               name_of(to.dtype()), to_string(to.shape()));
  OpSpan const span(queue, "copy");
  if constexpr (build::has_cuda)
    if (queue.backend() == Backend::cuda)
      return queue.stream().copy(to.data(), pitch_bytes(to), from.data(), pitch_bytes(from),
                                 width_bytes(from), static_cast<std::size_t>(from.rows()));
  if (from.size() > 0 && from.contiguous() && to.contiguous()) {  // a vector's rows are elements
    std::memcpy(to.data(), from.data(), from.bytes());
    return;
  }
  for (Index row = 0; row < from.rows(); ++row)
    std::memcpy(
        static_cast<std::byte*>(to.data()) + static_cast<std::size_t>(row) * pitch_bytes(to),
        static_cast<std::byte const*>(from.data()) +
            static_cast<std::size_t>(row) * pitch_bytes(from),
        width_bytes(from));
}

void zero(Queue& queue, View view) {
  OpSpan const span(queue, "zero");
  if constexpr (build::has_cuda)
    if (queue.backend() == Backend::cuda)
      return queue.stream().zero(view.data(), pitch_bytes(view), width_bytes(view),
                                 static_cast<std::size_t>(view.rows()));
  if (view.size() > 0 && view.contiguous()) {
    std::memset(view.data(), 0, view.bytes());
    return;
  }
  for (Index row = 0; row < view.rows(); ++row)
    std::memset(
        static_cast<std::byte*>(view.data()) + static_cast<std::size_t>(row) * pitch_bytes(view), 0,
        width_bytes(view));
}

}  // namespace accord
