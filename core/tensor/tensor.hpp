#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/base/queue.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// Owns the memory of one dense tensor on a queue's device. Move-only; must not outlive its queue.
/// Elements are uninitialised unless a factory says otherwise.
class Tensor {
 public:
  Tensor() = default;
  Tensor(Queue& queue, DType dtype, Shape shape);
  Tensor(Tensor&& other) noexcept { swap(other); }
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~Tensor();

  static Tensor zeros(Queue& queue, DType dtype, Shape shape);
  /// A copy of host values on the device.
  template <class T>
  static Tensor from_host(Queue& queue, std::span<T const> values, Shape shape) {
    return copied(queue, values.data(), dtype_of<T>, shape, static_cast<Index>(values.size()));
  }
  template <class T>
  static Tensor from_host(Queue& queue, std::vector<T> const& values) {
    return from_host(queue, std::span<T const>(values), Shape{static_cast<Index>(values.size())});
  }

  /// A copy of what a view of host memory shows.
  static Tensor from_host(Queue& queue, ConstView host) {
    ACCORD_CHECK(host.contiguous(), "host memory is copied whole");
    return copied(queue, host.data(), host.dtype(), host.shape(), host.size());
  }

  explicit operator bool() const { return static_cast<bool>(view_); }
  View view() { return view_; }
  ConstView view() const { return view_; }
  operator View() { return view_; }
  operator ConstView() const { return view_; }
  Shape const& shape() const { return view_.shape(); }
  DType dtype() const { return view_.dtype(); }
  Index rows() const { return view_.rows(); }
  Index size() const { return view_.size(); }

 private:
  static Tensor copied(Queue& queue, void const* values, DType dtype, Shape shape, Index count);
  void swap(Tensor& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(view_, other.view_);
  }

  Memory* memory_ = nullptr;
  View view_;
};

/// Host values into a contiguous view; `values` may be changed when the call returns.
void upload(Queue& queue, void const* values, View to);
/// Waits for the queue and returns the elements.
template <class T>
std::vector<T> to_host(Queue& queue, ConstView view);

/// Copies between views of one shape and type on the same device; strides may differ.
void copy(Queue& queue, ConstView from, View to);
/// Sets every element to zero.
void zero(Queue& queue, View view);

}  // namespace accord
