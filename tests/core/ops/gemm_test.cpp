#include "core/ops/gemm.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "core/ops/cuda/gemm_algorithms.hpp"
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

// Rows of 7 or 9 elements are aligned to none of the vectors in which a library may do it.
TEST_P(GemmTest, AddsABiasToEveryRow) {
  for (Extents e : {Extents{33, 64, 48}, {5, 9, 7}, {4, 8, 0}, {0, 8, 8}})
    for (double beta : {0.0, 1.0})
      expect_like_reference(
          [=](Operands& operands) {
            View const x = operands.random({e.m, e.k}, 1), w = operands.random({e.n, e.k}, 2);
            View const y = beta == 0 ? operands.unset({e.m, e.n}) : operands.random({e.m, e.n}, 3);
            View const bias = operands.random({e.n}, 4);
            gemm(operands.queue(), Transpose::no, x, Transpose::yes, w, y, beta, 0.5,
                 {.bias = bias});
            return std::vector<View>{y};
          },
          fmt::format("{} rows and a bias, beta {}", e.m, beta), testing::ThreadCount::may_round);
}

TEST_P(GemmTest, AddsTheColumnSumsOfAToWhatIsThere) {
  for (Extents e : {Extents{64, 48, 520}, {9, 7, 520}, {8, 8, 0}})
    expect_like_reference(
        [=](Operands& operands) {
          View const dy = operands.random({e.k, e.m}, 1), x = operands.random({e.k, e.n}, 2);
          View const dw = operands.sums().random({e.m, e.n}, 3);
          View const db = operands.sums().random({e.m}, 4);
          for (int micro_batch = 0; micro_batch < 2; ++micro_batch)
            gemm(operands.queue(), Transpose::yes, dy, Transpose::no, x, dw, 1, 1,
                 {.column_sums = db});
          return std::vector<View>{dw, db};
        },
        fmt::format("gradients of a linear map of {} outputs", e.m),
        testing::ThreadCount::may_round);
}

// What is timed may not be what was asked for.
TEST_P(GemmTest, TimesItsChoicesWithoutATraceInTheResults) {
  auto const computation = [](bool timing) {
    return [timing](Operands& operands) {
      Queue& queue = operands.queue();
      if (queue.backend() == Backend::cuda) cuda::algorithms_of(queue.stream()).set_timing(timing);
      View const dy = operands.random({40, 16}, 1), x = operands.random({40, 32}, 2);
      View const dw = operands.sums().random({16, 32}, 3), db = operands.sums().random({16}, 4);
      gemm(queue, Transpose::yes, dy, Transpose::no, x, dw, 1, 1, {.column_sums = db});
      View const y = operands.unset({40, 32});
      gemm(queue, Transpose::no, dy, Transpose::no, operands.random({16, 32}, 5), y, 0, 1,
           {.bias = operands.random({32}, 6)});
      return std::vector<View>{dw, db, y};
    };
  };
  for (Layout layout : {Layout::dense, Layout::strided})
    EXPECT_TRUE(testing::results(GetParam(), layout, computation(true)) ==
                testing::results(GetParam(), layout, computation(false)));
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
  View const c = operands.unset({3, 3}), vector = operands.random({3}, 3);
  auto const with = [&](Transpose transpose_a, Epilogue const& epilogue) {
    gemm(queue, transpose_a, transpose_a == Transpose::yes ? a : c, Transpose::no,
         transpose_a == Transpose::yes ? b : c, operands.unset({3, 3}), 0, 1, epilogue);
  };
  EXPECT_NO_THROW(with(Transpose::yes, {.column_sums = vector}));
  EXPECT_THROW(with(Transpose::no, {.column_sums = vector}), Error);
  EXPECT_THROW(with(Transpose::yes, {.bias = vector, .column_sums = vector}), Error);
  EXPECT_THROW(with(Transpose::yes, {.bias = operands.random({2}, 3)}), Error);
  Operands floats(queue, DType::float32, Layout::dense);
  EXPECT_THROW(gemm(queue, Transpose::no, a, Transpose::yes, b, floats.unset({2, 2})), Error);
}

}  // namespace
}  // namespace accord
