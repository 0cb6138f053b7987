#include "core/ops/adamw.hpp"

#include "core/ops/check.hpp"

namespace accord {

void adamw_update(Queue& queue, AdamwStep const& step, View master, ConstView gradient,
                  View exp_avg, View exp_avg_sq, View rounded) {
  char const* const op = "adamw_update";
  check_vector(op, "master", master, master.dtype(), master.size());
  check_vector(op, "gradient", gradient, master.dtype(), master.size());
  check_vector(op, "exp_avg", exp_avg, master.dtype(), master.size());
  check_vector(op, "exp_avg_sq", exp_avg_sq, master.dtype(), master.size());
  check_optional(op, "rounded", rounded, DType::bfloat16, master.size());
  ACCORD_CHECK(step.step >= 1, "{}: step {} is not counted from 1", op, step.step);
  ACCORD_DISPATCH(queue, master.dtype(), adamw_update, step, master, gradient, exp_avg, exp_avg_sq,
                  rounded);
}

}  // namespace accord
