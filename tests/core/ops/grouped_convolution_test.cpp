#include "core/ops/grouped_convolution.hpp"

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Layout;
using testing::Operands;

class GroupedConvolutionTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(GroupedConvolutionTest);

struct Sizes {
  Index groups, in, out, kernel;  // channels and filters of one group
  std::vector<std::int32_t> offsets;
};

TEST_P(GroupedConvolutionTest, MatchesReferenceForwardAndBackward) {
  for (Sizes const& sizes :
       {Sizes{1, 1, 1, 1, {0, 4}}, Sizes{2, 3, 3, 19, {0, 5, 6, 40}},
        Sizes{16, 4, 4, 19, {0, 0, 130, 300}}, Sizes{4, 2, 5, 3, {0, 17}}, Sizes{3, 8, 8, 5, {0}},
        Sizes{2, 3, 3, 20, {0, 150, 160}}, Sizes{2, 2, 3, 2, {0, 9}}})
    expect_like_reference(
        [&](Operands& operands) {
          Index const rows = sizes.offsets.back(), out = sizes.groups * sizes.out;
          Shape const kernel{out, sizes.in, sizes.kernel};
          View const x = operands.random({rows, sizes.groups * sizes.in}, 1),
                     dy = operands.random({rows, out}, 2), weight = operands.random(kernel, 3),
                     offsets = operands.rows(sizes.offsets), y = operands.unset({rows, out}),
                     dx = operands.unset(x.shape()), dweight = operands.sums().random(kernel, 4);
          grouped_convolution_forward(operands.queue(), x, offsets, weight, y);
          grouped_convolution_backward_input(operands.queue(), dy, offsets, weight, dx);
          grouped_convolution_backward_weight(operands.queue(), dy, x, offsets, dweight);
          return std::vector<View>{y, dx, dweight};
        },
        fmt::format("{} groups of {} to {}, kernel {}", sizes.groups, sizes.in, sizes.out,
                    sizes.kernel));
}

TEST(GroupedConvolution, ReferenceSeesZeroBeyondItsSequence) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, Layout::dense);
  View const y = operands.unset({4, 1});
  grouped_convolution_forward(queue, operands.values({4, 1}, {1, 10, 100, 1000}),
                              operands.rows({0, 3, 4}), operands.values({1, 1, 3}, {2, 3, 5}), y);
  EXPECT_EQ(
      testing::values_of(queue, y),
      (std::vector<double>{3 * 1 + 5 * 10, 2 * 1 + 3 * 10 + 5 * 100, 2 * 10 + 3 * 100, 3 * 1000}));
}

TEST(GroupedConvolution, BackwardMatchesFiniteDifferences) {
  std::vector<std::int32_t> const offsets{0, 4, 7};
  for (Index kernel : {3, 4})
    testing::expect_backward_matches_finite_differences(
        {.inputs = {{7, 4}, {6, 2, kernel}},
         .forward =
             [&](Operands& operands, auto const& in) {
               View const y = operands.unset({7, 6});
               grouped_convolution_forward(operands.queue(), in[0], operands.rows(offsets), in[1],
                                           y);
               return y;
             },
         .backward =
             [&](Operands& operands, auto const& in, View upstream) {
               View const dx = operands.unset({7, 4}), dweight = operands.zeros({6, 2, kernel});
               View const rows = operands.rows(offsets);
               grouped_convolution_backward_input(operands.queue(), upstream, rows, in[1], dx);
               grouped_convolution_backward_weight(operands.queue(), upstream, in[0], rows,
                                                   dweight);
               return std::vector<View>{dx, dweight};
             }});
}

TEST(GroupedConvolution, RefusesSizesThatDoNotGoTogether) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float32, Layout::dense);
  auto const forward = [&](Shape x, Shape weight, Shape y) {
    grouped_convolution_forward(queue, operands.random(x, 1), operands.rows({0, 4}),
                                operands.random(weight, 2), operands.unset(y));
  };
  EXPECT_NO_THROW(forward({4, 6}, {4, 3, 3}, {4, 4}));
  EXPECT_THROW(forward({4, 6}, {4, 4, 3}, {4, 4}), Error);
  EXPECT_THROW(forward({4, 6}, {4, 3, 3}, {4, 5}), Error);
}

}  // namespace
}  // namespace accord
