#include "core/ops/cross_entropy.hpp"

#include "core/ops/check.hpp"

namespace accord {
namespace {

void check_operands(char const* op, ConstView logits, View loss, View correct, View dlogits) {
  ACCORD_CHECK(logits.rank() == 2 && logits.columns() > 0, "{}: logits are {}", op,
               to_string(logits.shape()));
  check_like(op, "dlogits", dlogits, logits);
  check_vector(op, "loss", loss, accumulator_of(logits.dtype()), 1);
  check_vector(op, "correct", correct, accumulator_of(logits.dtype()), 1);
}

}  // namespace

void cross_entropy(Queue& queue, ConstView logits, ConstView labels, double label_smoothing,
                   double share, double weight, View loss, View correct, View dlogits) {
  check_operands("cross_entropy", logits, loss, correct, dlogits);
  check_vector("cross_entropy", "labels", labels, DType::int64, logits.rows());
  ACCORD_DISPATCH(queue, logits.dtype(), cross_entropy, logits, labels, label_smoothing, share,
                  weight, loss, correct, dlogits);
}

void binary_cross_entropy(Queue& queue, ConstView logits, ConstView targets, double share,
                          double weight, View loss, View correct, View dlogits) {
  check_operands("binary_cross_entropy", logits, loss, correct, dlogits);
  check_matrix("binary_cross_entropy", "targets", targets, DType::uint8, logits.rows(),
               logits.columns());
  ACCORD_DISPATCH(queue, logits.dtype(), binary_cross_entropy, logits, targets, share, weight, loss,
                  correct, dlogits);
}

}  // namespace accord
