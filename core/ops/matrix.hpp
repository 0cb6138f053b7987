#pragma once
// Typed access to views, below the dispatch of an op.

#include <cstdint>
#include <type_traits>

#include "core/tensor/view.hpp"

namespace accord {

/// The rows of a view: matrix[i][j]. T is const for a view that is only read.
template <class T>
class Matrix {
 public:
  template <bool Const>
  requires(std::is_const_v<T> || !Const) explicit Matrix(BasicView<Const> view)
      : data_(view.template as<std::remove_const_t<T>>()),
        rows_(view.rows()),
        columns_(view.columns()),
        stride_(view.stride()) {}

  T* operator[](Index row) const { return data_ + row * stride_; }
  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index stride() const { return stride_; }

 private:
  T* data_;
  Index rows_, columns_, stride_;
};

/// The dense elements of an optional argument; null when it is not given.
template <class T, bool Const>
auto optional_values(BasicView<Const> view) {
  return view ? view.template as<T>() : nullptr;
}

/// An optional list of rows: list[i], or i itself when it is not given.
class RowList {
 public:
  explicit RowList(ConstView rows) : rows_(optional_values<std::int32_t>(rows)) {}
  Index operator[](Index i) const { return rows_ ? rows_[i] : i; }

 private:
  std::int32_t const* rows_;
};

}  // namespace accord
