#pragma once

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

enum class Transpose : bool { no, yes };

/// C = alpha * op(A) op(B) + beta * C, row-major, with op(A) [m, k], op(B) [k, n], C [m, n]; rows
/// of each may be strided. beta = 0 never reads C. C must not alias A or B. bfloat16 A and B: C is
/// bfloat16 or float32, sums are float32. An empty extent is allowed (k = 0: C = beta * C).
void gemm(Queue& queue, Transpose transpose_a, ConstView a, Transpose transpose_b, ConstView b,
          View c, double beta = 0, double alpha = 1);
ACCORD_BACKENDS(void gemm(Queue& queue, Transpose transpose_a, ConstView a, Transpose transpose_b,
                          ConstView b, View c, double beta, double alpha))

}  // namespace accord
