#pragma once
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

enum class Transpose : bool { no, yes };

/// What a product does besides, in the same pass where the library can and gains by it: the bias of
/// a linear map y = x W^T + b, or its gradient beside that of W, dW += dy^T x. At most one.
struct Epilogue {
  ConstView bias = {};    ///< [n], of C's type: added to every row of C
  View column_sums = {};  ///< [m]: the sum over the rows of A is added to it. A is transposed, and
                          ///< C and this are of accumulator_of(A's type)
};

/// C = alpha * op(A) op(B) + beta * C, row-major, with op(A) [m, k], op(B) [k, n], C [m, n]; rows
/// of each may be strided. beta = 0 never reads C. C must not alias A or B. bfloat16 A and B: C is
/// bfloat16 or float32, sums are float32. An empty extent is allowed (k = 0: C = beta * C).
void gemm(Queue& queue, Transpose transpose_a, ConstView a, Transpose transpose_b, ConstView b,
          View c, double beta = 0, double alpha = 1, Epilogue const& epilogue = {});
ACCORD_BACKENDS(void gemm(Queue& queue, Transpose transpose_a, ConstView a, Transpose transpose_b,
                          ConstView b, View c, double beta, double alpha, Epilogue const& epilogue))

}  // namespace accord
