#pragma once

#include <cstddef>
#include <type_traits>

#include "core/tensor/shape.hpp"

namespace accord {

/// A typed window into memory that somebody else owns: a cheap value. Dimensions after the first
/// are dense; consecutive indices of the first lie `stride()` elements apart, so a block of columns
/// of a matrix is a view too.
template <bool Const>
class BasicView {
 public:
  using Pointer = std::conditional_t<Const, void const*, void*>;
  using Byte = std::conditional_t<Const, std::byte const, std::byte>;

  BasicView() = default;
  BasicView(Pointer data, DType dtype, Shape shape)
      : BasicView(data, dtype, shape, shape.rank() ? shape.row_size() : 1) {}
  BasicView(Pointer data, DType dtype, Shape shape, Index stride)
      : data_(data), shape_(shape), stride_(stride), dtype_(dtype) {}
  /// A mutable view is accepted where a const one is asked for.
  template <bool Other>
  requires(Const && !Other) BasicView(BasicView<Other> const& view)
      : BasicView(view.data(), view.dtype(), view.shape(), view.stride()) {}

  /// False for a default-constructed view: "not given" in optional arguments.
  explicit operator bool() const { return data_ != nullptr; }
  Pointer data() const { return data_; }
  DType dtype() const { return dtype_; }
  Shape const& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  Index extent(int dimension) const { return shape_[dimension]; }
  Index size() const { return shape_.size(); }
  std::size_t bytes() const { return static_cast<std::size_t>(size()) * size_of(dtype_); }
  Index stride() const { return stride_; }
  bool contiguous() const {
    return shape_.rank() == 0 || shape_[0] <= 1 || stride_ == shape_.row_size();
  }
  /// First dimension, and all others flattened: how row-wise ops see any tensor.
  Index rows() const { return shape_.rank() ? shape_[0] : 1; }
  Index columns() const { return shape_.rank() ? shape_.row_size() : 1; }

  /// The elements as T. \throws Error if the type is another.
  template <class T>
  auto as() const {
    ACCORD_CHECK(dtype_ == dtype_of<std::remove_const_t<T>>, "a {} view read as {}",
                 name_of(dtype_), name_of(dtype_of<std::remove_const_t<T>>));
    return static_cast<std::conditional_t<Const, T const*, T*>>(data_);
  }

  /// Rows [begin, begin + count).
  BasicView rows(Index begin, Index count) const {
    ACCORD_CHECK(begin >= 0 && count >= 0 && begin + count <= rows(), "rows [{}, {}) of {}", begin,
                 begin + count, to_string(shape_));
    Shape shape = shape_;
    shape[0] = count;
    return {at(begin * stride_), dtype_, shape, stride_};
  }
  /// Columns [begin, begin + count) of a matrix.
  BasicView columns(Index begin, Index count) const {
    ACCORD_CHECK(rank() == 2 && begin >= 0 && begin + count <= shape_[1], "columns [{}, {}) of {}",
                 begin, begin + count, to_string(shape_));
    return {at(begin), dtype_, Shape{shape_[0], count}, stride_};
  }
  /// The same elements in another shape; contiguous views only.
  BasicView reshaped(Shape shape) const {
    ACCORD_CHECK(contiguous() && shape.size() == size(), "{} cannot be seen as {}",
                 to_string(shape_), to_string(shape));
    return {data_, dtype_, shape};
  }

 private:
  Pointer at(Index element) const {
    return static_cast<Byte*>(data_) + element * static_cast<Index>(size_of(dtype_));
  }

  Pointer data_ = nullptr;
  Shape shape_;
  Index stride_ = 1;
  DType dtype_ = DType::float32;
};

using View = BasicView<false>;
using ConstView = BasicView<true>;

}  // namespace accord
