#include "core/ops/gemm.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/backend_test.hpp"

namespace accord {
namespace {

using testing::Layout;
using testing::Operands;

class GemmTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(GemmTest);

struct Extents {
  Index m, n, k;
};

std::vector<View> product(Operands& operands, Extents e, Transpose transpose_a,
                          Transpose transpose_b, double beta, double alpha) {
  bool const flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  View const a = operands.random(flip_a ? Shape{e.k, e.m} : Shape{e.m, e.k}, 1);
  View const b = operands.random(flip_b ? Shape{e.n, e.k} : Shape{e.k, e.n}, 2);
  View const c = beta == 0 ? operands.unset({e.m, e.n}) : operands.random({e.m, e.n}, 3);
  gemm(operands.queue(), transpose_a, a, transpose_b, b, c, beta, alpha);
  return {c};
}

TEST_P(GemmTest, MatchesReferenceForEveryTransposeAndSize) {
  for (Extents e : {Extents{1, 1, 1},
                    {3, 7, 5},
                    {16, 16, 16},
                    {33, 65, 17},
                    {130, 70, 129},
                    {2, 300, 64},
                    {0, 3, 4},
                    {3, 0, 4}})
    for (Transpose transpose_a : {Transpose::no, Transpose::yes})
      for (Transpose transpose_b : {Transpose::no, Transpose::yes})
        for (double beta : {0.0, 1.0, -0.5})
          expect_like_reference(
              [=](Operands& operands) {
                return product(operands, e, transpose_a, transpose_b, beta, 0.75);
              },
              fmt::format("gemm m {} n {} k {} beta {}", e.m, e.n, e.k, beta),
              testing::ThreadCount::may_round);
}

// The gradient of a weight, over more rows than its type could add up.
TEST_P(GemmTest, AddsToAResultInTheTypeOfSums) {
  expect_like_reference(
      [](Operands& operands) {
        View const dy = operands.random({520, 9}, 1), x = operands.random({520, 7}, 2);
        View const dweight = operands.sums().random({9, 7}, 3);
        gemm(operands.queue(), Transpose::yes, dy, Transpose::no, x, dweight, 1);
        return std::vector<View>{dweight};
      },
      "gradient of a weight", testing::ThreadCount::may_round);
}

TEST_P(GemmTest, WithoutInnerExtentScalesC) {
  for (double beta : {0.0, 2.0})
    expect_like_reference(
        [=](Operands& operands) {
          return product(operands, {3, 5, 0}, Transpose::no, Transpose::yes, beta, 1);
        },
        "gemm without inner extent");
}

TEST_P(GemmTest, MayBeCalledFromSeveralThreadsAtOnce) {
  if (GetParam().backend == Backend::cuda) GTEST_SKIP() << "one thread drives a device";
  auto const computation = [](Operands& operands) {
    return product(operands, {67, 65, 64}, Transpose::no, Transpose::yes, 0, 1);
  };
  auto const want = testing::results(GetParam(), Layout::dense, computation);
  std::vector<std::vector<testing::Result>> got(4);
  std::vector<std::thread> threads;
  for (auto& slot : got)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) slot = testing::results(GetParam(), Layout::dense, computation);
    });
  for (std::thread& thread : threads) thread.join();
  for (auto const& slot : got) EXPECT_TRUE(slot == want);
}

TEST(Gemm, ReferenceMultipliesAsOnPaper) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, Layout::strided);
  View const a = operands.values({2, 3}, {1, 2, 3, 4, 5, 6});
  View const b = operands.values({3, 2}, {7, 8, 9, 10, 11, 12});
  View const c = operands.values({2, 2}, {1, 1, 1, 1});
  gemm(queue, Transpose::no, a, Transpose::no, b, c, 2, 1);
  EXPECT_EQ(testing::values_of(queue, c), (std::vector<double>{60, 66, 141, 156}));
  View const gram = operands.unset({3, 3});
  gemm(queue, Transpose::yes, a, Transpose::no, a, gram);
  EXPECT_EQ(testing::values_of(queue, gram),
            (std::vector<double>{17, 22, 27, 22, 29, 36, 27, 36, 45}));
}

TEST(Gemm, RefusesExtentsThatDoNotFit) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, Layout::dense);
  View const a = operands.random({2, 3}, 1), b = operands.random({2, 3}, 2);
  EXPECT_THROW(gemm(queue, Transpose::no, a, Transpose::no, b, operands.unset({2, 3})), Error);
  EXPECT_THROW(gemm(queue, Transpose::no, a, Transpose::yes, b, operands.unset({3, 2})), Error);
  Operands floats(queue, DType::float32, Layout::dense);
  EXPECT_THROW(gemm(queue, Transpose::no, a, Transpose::yes, b, floats.unset({2, 2})), Error);
}

}  // namespace
}  // namespace accord
