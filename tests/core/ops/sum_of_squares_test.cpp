#include "core/ops/sum_of_squares.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <limits>

#include "tests/support/op_testing.hpp"

namespace accord {
namespace {

double sum_on(Backend backend, DType dtype, std::vector<double> const& values, double start = 0) {
  Queue queue(backend);
  Tensor x = testing::tensor_of(queue, dtype, values, Shape{static_cast<Index>(values.size())});
  Tensor sum = Tensor::from_host(queue, std::vector<double>{start});
  sum_of_squares(queue, x, sum);
  return to_host<double>(queue, sum)[0];
}

TEST(SumOfSquares, AddsToWhatIsThere) {
  for (Backend backend : {Backend::reference, Backend::cpu}) {
    EXPECT_EQ(sum_on(backend, DType::float32, {3, 4}, 100), 125);
    EXPECT_EQ(sum_on(backend, DType::float64, {}, 7), 7);
  }
}

TEST(SumOfSquares, AgreesWithTheReferenceBelowAndAboveAChunk) {
  for (DType dtype : {DType::float32, DType::float64})
    for (Index n : {1, 15, 16, 17, 16383, 16384, 16385, 100003}) {
      std::vector<double> const x = testing::random_values(n, 3);
      double const want = sum_on(Backend::reference, dtype, x);
      // The reference adds one by one: its own error grows with n.
      double const tolerance = (1e-15 + 1e-17 * static_cast<double>(n)) * want;
      EXPECT_NEAR(sum_on(Backend::cpu, dtype, x), want, tolerance) << n;
    }
}

TEST(SumOfSquares, OfCudaAgreesWithTheReference) {
  ACCORD_NEEDS_DEVICE();
  for (Index n : {0, 1, 255, 256, 257, 100003}) {
    std::vector<double> const x = testing::random_values(n, 3);
    double const want = sum_on(Backend::reference, DType::float32, x, 5);
    EXPECT_NEAR(sum_on(Backend::cuda, DType::float32, x, 5), want, 1e-12 * want) << n;
  }
}

TEST(SumOfSquares, HoldsWhatFloat32WouldOverflow) {
  EXPECT_NEAR(sum_on(Backend::cpu, DType::float32, {1e30, 1e30}), 2e60, 1e54);
}

TEST(SumOfSquares, DoesNotDependOnTheThreads) {
  std::vector<double> const x = testing::random_values(200001, 5);
  int const threads = omp_get_max_threads();
  omp_set_num_threads(1);
  double const one = sum_on(Backend::cpu, DType::float64, x);
  for (int n : {2, 3, 5}) {
    omp_set_num_threads(n);
    EXPECT_EQ(sum_on(Backend::cpu, DType::float64, x), one) << n;
  }
  omp_set_num_threads(threads);
}

TEST(SumOfSquares, LetsNanAndInfThrough) {
  double const infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isnan(sum_on(Backend::cpu, DType::float32, {1, std::nan(""), 2})));
  EXPECT_EQ(sum_on(Backend::cpu, DType::float32, {1, -infinity}), infinity);
}

}  // namespace
}  // namespace accord
