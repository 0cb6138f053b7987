#include "core/ops/rows.hpp"

#include "core/ops/check.hpp"

namespace accord {

void gather_rows(Queue& queue, ConstView from, ConstView from_rows, View to) {
  check_vector("gather_rows", "from_rows", from_rows, DType::int32, to.rows());
  check_matrix("gather_rows", "to", to, from.dtype(), from_rows.size(), from.columns());
  ACCORD_DISPATCH(queue, from.dtype(), gather_rows, from, from_rows, to);
}

void add_rows(Queue& queue, ConstView from, ConstView from_rows, View to, ConstView to_rows) {
  char const* const op = "add_rows";
  Index const m = from_rows ? from_rows.size() : to_rows ? to_rows.size() : from.rows();
  check_optional(op, "from_rows", from_rows, DType::int32, m);
  check_optional(op, "to_rows", to_rows, DType::int32, m);
  ACCORD_CHECK((from_rows || from.rows() == m) && (to_rows || to.rows() == m),
               "{}: {} rows from {} to {}", op, m, to_string(from.shape()), to_string(to.shape()));
  ACCORD_CHECK(from.columns() == to.columns(), "{}: from {} to {}", op, to_string(from.shape()),
               to_string(to.shape()));
  ACCORD_CHECK(to.dtype() == from.dtype() || to.dtype() == accumulator_of(from.dtype()),
               "{}: from {} to {}", op, name_of(from.dtype()), name_of(to.dtype()));
  ACCORD_DISPATCH(queue, from.dtype(), add_rows, from, from_rows, to, to_rows);
}

}  // namespace accord
