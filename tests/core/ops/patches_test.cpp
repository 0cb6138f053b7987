#include "core/ops/patches.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace accord {
namespace {

using testing::Layout;
using testing::Operands;

class PatchesTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(PatchesTest);

PatchLayout layout_of(Index size, Index patch, Index kernel) {
  PatchLayout layout;
  layout.size = size, layout.patch = patch, layout.kernel = kernel;
  return layout;
}

Shape patch_shape(Index images, PatchLayout const& layout) {
  Index const side = layout.size / layout.kernel;
  return {images * side * side, 3 * layout.kernel * layout.kernel};
}

TEST_P(PatchesTest, PatchifyMatchesReference) {
  for (PatchLayout const& layout :
       {layout_of(32, 16, 4), layout_of(96, 16, 4), layout_of(48, 16, 16), layout_of(20, 10, 5),
        layout_of(16, 16, 2)})
    for (Index images : {0, 1, 3})
      expect_like_reference(
          [&](Operands& operands) {
            Index const values = 3 * layout.size * layout.size;
            std::vector<std::uint8_t> bytes(static_cast<std::size_t>(images * values));
            for (std::size_t i = 0; i < bytes.size(); ++i)
              bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
            View const from_bytes = operands.unset(patch_shape(images, layout));
            View const from_values = operands.unset(patch_shape(images, layout));
            patchify(operands.queue(), operands.bytes({images, values}, bytes), layout, from_bytes);
            patchify(operands.queue(), operands.random({images, values}, 1), layout, from_values);
            return std::vector<View>{from_bytes, from_values};
          },
          fmt::format("{} images, size {}, patch {}, kernel {}", images, layout.size, layout.patch,
                      layout.kernel));
}

TEST_P(PatchesTest, KernelToMatrixMatchesReference) {
  for (Index out : {1, 5, 130})
    expect_like_reference(
        [&](Operands& operands) {
          View const weight = operands.random({out, 33, 2, 2}, 1);
          View const dweight = operands.sums().random({out, 33, 2, 2}, 2);
          View const matrix = operands.unset({out, 4 * 33});
          kernel_to_matrix(operands.queue(), weight, matrix);
          kernel_to_matrix_backward(operands.queue(), operands.random({out, 4 * 33}, 3), dweight);
          return std::vector<View>{matrix, dweight};
        },
        fmt::format("{} filters", out));
}

/// A planar image whose value is 1000 channel + 32 y + x.
std::vector<double> numbered_image(Index size) {
  std::vector<double> values;
  for (Index c = 0; c < 3; ++c)
    for (Index y = 0; y < size; ++y)
      for (Index x = 0; x < size; ++x) values.push_back(static_cast<double>(1000 * c + 32 * y + x));
  return values;
}

TEST(Patches, ReferenceOrdersWindowsByPatchThenByHalves) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, Layout::dense);
  PatchLayout const layout = layout_of(32, 16, 4);
  View const out = operands.unset({64, 48});
  patchify(queue, operands.values({1, 3 * 32 * 32}, numbered_image(32)), layout, out);
  std::vector<double> const got = testing::values_of(queue, out);
  auto const corner = [&](Index row) { return got[static_cast<std::size_t>(row * 48)]; };
  // The sixteen windows of the second patch (x from 16): four quarters of four windows.
  EXPECT_EQ(corner(16), 16);
  EXPECT_EQ(corner(17), 20);
  EXPECT_EQ(corner(18), 4 * 32 + 16);
  EXPECT_EQ(corner(19), 4 * 32 + 20);
  EXPECT_EQ(corner(20), 24);
  EXPECT_EQ(corner(24), 8 * 32 + 16);
  EXPECT_EQ(corner(31), 12 * 32 + 28);
  EXPECT_EQ(corner(32), 16 * 32);  // the third patch: second row of patches
  // Columns of a row: channel, then y, then x.
  EXPECT_EQ(got[16 * 48 + 1], 17);
  EXPECT_EQ(got[16 * 48 + 4], 32 + 16);
  EXPECT_EQ(got[16 * 48 + 16], 1000 + 16);
}

TEST(Patches, ReferenceScalesBytesToMeanAndDeviation) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, Layout::dense);
  PatchLayout const layout = layout_of(2, 2, 2);
  View const out = operands.unset({1, 12});
  patchify(queue, operands.bytes({1, 12}, {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120}),
           layout, out);
  std::vector<double> const got = testing::values_of(queue, out);
  EXPECT_NEAR(got[1], (40 / 255.0 - 0.48145466) / 0.26862954, 1e-15);    // red, x = 1
  EXPECT_NEAR(got[6], (80 / 255.0 - 0.4578275) / 0.26130258, 1e-15);     // green, y = 1
  EXPECT_NEAR(got[11], (120 / 255.0 - 0.40821073) / 0.27577711, 1e-15);  // blue, both
}

TEST(Patches, ReferenceMovesTheWindowBeforeTheInputChannel) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, Layout::dense);
  std::vector<double> values(12);
  std::iota(values.begin(), values.end(), 0);
  View const out = operands.unset({2, 6});
  kernel_to_matrix(queue, operands.values({2, 3, 2}, values), out);
  EXPECT_EQ(testing::values_of(queue, out),
            (std::vector<double>{0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11}));
}

TEST(Patches, KernelBackwardMatchesFiniteDifferences) {
  testing::expect_backward_matches_finite_differences(
      {.inputs = {{2, 3, 2, 2}},
       .forward =
           [](Operands& operands, auto const& in) {
             View const out = operands.unset({2, 12});
             kernel_to_matrix(operands.queue(), in[0], out);
             return out;
           },
       .backward =
           [](Operands& operands, auto const&, View upstream) {
             View const dweight = operands.zeros({2, 3, 2, 2});
             kernel_to_matrix_backward(operands.queue(), upstream, dweight);
             return std::vector<View>{dweight};
           }});
}

TEST(Patches, RefusesASizeThatIsNotWholePatches) {
  Queue queue(Backend::cpu);
  Operands operands(queue, DType::float32, Layout::dense);
  EXPECT_THROW(patchify(queue, operands.random({1, 3 * 30 * 30}, 1), layout_of(30, 16, 4),
                        operands.unset({49, 48})),
               Error);
}

}  // namespace
}  // namespace accord
