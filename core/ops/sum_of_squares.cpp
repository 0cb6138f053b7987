#include "core/ops/sum_of_squares.hpp"

#include "core/ops/check.hpp"

namespace accord {

void sum_of_squares(Queue& queue, ConstView x, View sum) {
  check_vector("sum_of_squares", "x", x, x.dtype(), x.size());
  check_vector("sum_of_squares", "sum", sum, DType::float64, 1);
  ACCORD_DISPATCH(queue, x.dtype(), sum_of_squares, x, sum);
}

}  // namespace accord
