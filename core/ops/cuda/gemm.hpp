#pragma once
// Many matrix products of one shape at once: for heads and for groups of channels.

#include "core/ops/gemm.hpp"

namespace accord::cuda {

/// C = alpha * op(A) op(B) + beta * C, as gemm() has it, `count` times: a, b and c are those of the
/// first product, and each next one's lie that many elements further (`a_stride`, `b_stride`,
/// `c_stride`). No extent may be empty. The algorithm is the library's first proposal, a function
/// of shapes, alignment, library and device: with ever new lengths there is nothing to time and
/// record.
void batched_gemm(Queue& queue, Index count, Transpose transpose_a, ConstView a, Index a_stride,
                  Transpose transpose_b, ConstView b, Index b_stride, View c, Index c_stride,
                  double beta = 0, double alpha = 1);

}  // namespace accord::cuda
