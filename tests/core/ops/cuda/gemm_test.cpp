#include "core/ops/cuda/gemm.hpp"

#include <gtest/gtest.h>

#include "tests/support/op_testing.hpp"

namespace accord {
namespace {

// Five heads side by side in a matrix, as attention has them, into results that are apart.
TEST(BatchedGemm, OfCudaEqualsOneProductAfterAnother) {
  ACCORD_NEEDS_DEVICE();
  constexpr Index heads = 5, m = 9, n = 7, k = 8, gap = 3;
  Queue queue(Backend::cuda);
  for (Transpose const transpose_a : {Transpose::no, Transpose::yes})
    for (Transpose const transpose_b : {Transpose::no, Transpose::yes}) {
      bool const ta = transpose_a == Transpose::yes, tb = transpose_b == Transpose::yes;
      Index const a_width = ta ? m : k, b_width = tb ? k : n;
      Tensor const a =
          testing::random_tensor(queue, DType::bfloat16, {ta ? k : m, heads * a_width}, 1);
      Tensor const b =
          testing::random_tensor(queue, DType::bfloat16, {tb ? n : k, heads * b_width}, 2);
      Tensor together = testing::random_tensor(queue, DType::float32, {heads, m + gap, n}, 3);
      Tensor apart = testing::random_tensor(queue, DType::float32, {heads, m + gap, n}, 3);
      auto const of_head = [&](View c, Index head) {
        return c.rows(head, 1).reshaped({m + gap, n}).rows(0, m);
      };
      cuda::batched_gemm(queue, heads, transpose_a, a.view().columns(0, a_width), a_width,
                         transpose_b, b.view().columns(0, b_width), b_width, of_head(together, 0),
                         (m + gap) * n, 1, 0.5);
      for (Index head = 0; head < heads; ++head)
        gemm(queue, transpose_a, a.view().columns(head * a_width, a_width), transpose_b,
             b.view().columns(head * b_width, b_width), of_head(apart, head), 1, 0.5);
      // A device may add up in another order.
      testing::expect_near(testing::values_of(queue, together), testing::values_of(queue, apart),
                           1e-5, "results");
    }
}

}  // namespace
}  // namespace accord
