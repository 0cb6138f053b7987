#include "core/ops/patches.hpp"

#include <bit>

#include "core/ops/check.hpp"

namespace accord {
namespace {

struct Kernel {
  Index out, in, window;
};

Kernel kernel_of(char const* op, ConstView weight) {
  ACCORD_CHECK(weight.rank() >= 3 && weight.contiguous(),
               "{}: the weight is {}, expected dense [out, in, window]", op,
               to_string(weight.shape()));
  Index const out = weight.extent(0), in = weight.extent(1);
  return {out, in, in ? weight.columns() / in : 0};
}

}  // namespace

void patchify(Queue& queue, ConstView pixels, PatchLayout const& layout, View out) {
  char const* const op = "patchify";
  auto const [size, patch, kernel, mean, deviation] = layout;
  ACCORD_CHECK(patch > 0 && kernel > 0 && size % patch == 0 && patch % kernel == 0 &&
                   std::has_single_bit(static_cast<std::uint64_t>(patch / kernel)),
               "{}: size {}, patch {}, kernel {}: each divides the one before, patch / kernel is a "
               "power of two",
               op, size, patch, kernel);
  Index const side = size / kernel, images = pixels.rows();
  check_matrix(op, "pixels", pixels, pixels.dtype() == DType::uint8 ? DType::uint8 : out.dtype(),
               images, 3 * size * size);
  check_matrix(op, "out", out, out.dtype(), images * side * side, 3 * kernel * kernel);
  ACCORD_DISPATCH(queue, out.dtype(), patchify, pixels, layout, out);
}

void kernel_to_matrix(Queue& queue, ConstView weight, View out) {
  Kernel const kernel = kernel_of("kernel_to_matrix", weight);
  check_matrix("kernel_to_matrix", "out", out, weight.dtype(), kernel.out,
               kernel.window * kernel.in);
  ACCORD_DISPATCH(queue, weight.dtype(), kernel_to_matrix, weight, out);
}

void kernel_to_matrix_backward(Queue& queue, ConstView dout, View dweight) {
  Kernel const kernel = kernel_of("kernel_to_matrix_backward", dweight);
  check_matrix("kernel_to_matrix_backward", "dout", dout, dout.dtype(), kernel.out,
               kernel.window * kernel.in);
  ACCORD_CHECK(dweight.dtype() == accumulator_of(dout.dtype()),
               "kernel_to_matrix_backward: dout is {}, dweight {}", name_of(dout.dtype()),
               name_of(dweight.dtype()));
  ACCORD_DISPATCH(queue, dout.dtype(), kernel_to_matrix_backward, dout, dweight);
}

}  // namespace accord
