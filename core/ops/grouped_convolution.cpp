#include "core/ops/grouped_convolution.hpp"

#include "core/ops/check.hpp"

namespace accord {
namespace {

/// \param x, y  the input side and the output side, or their gradients
void check(char const* op, ConstView x, ConstView offsets, ConstView weight, ConstView y) {
  ACCORD_CHECK(weight.rank() == 3 && weight.contiguous(),
               "{}: the weight is {}, expected dense [out, channels, kernel]", op,
               to_string(weight.shape()));
  Index const out = weight.extent(0), channels = weight.extent(1);
  ACCORD_CHECK(channels > 0 && x.columns() % channels == 0 && out % (x.columns() / channels) == 0,
               "{}: {} columns in groups of {} and {} filters do not go together", op, x.columns(),
               channels, out);
  check_matrix(op, "y", y, x.dtype(), x.rows(), out);
  check_vector(op, "offsets", offsets, DType::int32, offsets.size());
}

double flops(ConstView x, ConstView weight) {
  return 2 * static_cast<double>(x.rows()) * static_cast<double>(weight.size());
}

}  // namespace

void grouped_convolution_forward(Queue& queue, ConstView x, ConstView offsets, ConstView weight,
                                 View y) {
  check("grouped_convolution_forward", x, offsets, weight, y);
  queue.count_flops(flops(x, weight));
  ACCORD_DISPATCH(queue, x.dtype(), grouped_convolution_forward, x, offsets, weight, y);
}

void grouped_convolution_backward_input(Queue& queue, ConstView dy, ConstView offsets,
                                        ConstView weight, View dx) {
  check("grouped_convolution_backward_input", dx, offsets, weight, dy);
  queue.count_flops(flops(dx, weight));
  ACCORD_DISPATCH(queue, dy.dtype(), grouped_convolution_backward_input, dy, offsets, weight, dx);
}

void grouped_convolution_backward_weight(Queue& queue, ConstView dy, ConstView x, ConstView offsets,
                                         View dweight) {
  check("grouped_convolution_backward_weight", x, offsets, dweight, dy);
  ACCORD_CHECK(dweight.dtype() == accumulator_of(x.dtype()),
               "grouped_convolution_backward_weight: x is {}, dweight {}", name_of(x.dtype()),
               name_of(dweight.dtype()));
  queue.count_flops(flops(x, dweight));
  ACCORD_DISPATCH(queue, x.dtype(), grouped_convolution_backward_weight, dy, x, offsets, dweight);
}

}  // namespace accord
