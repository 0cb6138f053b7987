#pragma once
// What the checks of every op have in common. `op` and `name` appear in the message.

#include "core/base/check.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// `view` has this type and, seen as rows by all other dimensions, this extent.
inline void check_matrix(char const* op, char const* name, ConstView view, DType dtype, Index rows,
                         Index columns) {
  ACCORD_CHECK(view.dtype() == dtype && view.rows() == rows && view.columns() == columns,
               "{}: {} is {} {}, expected {} rows of {} in {}", op, name, name_of(view.dtype()),
               to_string(view.shape()), rows, columns, name_of(dtype));
}

/// `view` holds `size` dense elements of this type.
inline void check_vector(char const* op, char const* name, ConstView view, DType dtype,
                         Index size) {
  ACCORD_CHECK(view.dtype() == dtype && view.size() == size && view.contiguous(),
               "{}: {} is {} {}, expected {} dense {} elements", op, name, name_of(view.dtype()),
               to_string(view.shape()), size, name_of(dtype));
}

/// The same, or the view is not given.
inline void check_optional(char const* op, char const* name, ConstView view, DType dtype,
                           Index size) {
  if (view) check_vector(op, name, view, dtype, size);
}

/// The same type, rows and columns as another view.
inline void check_like(char const* op, char const* name, ConstView view, ConstView like) {
  check_matrix(op, name, view, like.dtype(), like.rows(), like.columns());
}

}  // namespace accord
