#include "core/ops/rows.hpp"

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"

namespace accord {
namespace {

using testing::Operands;

class RowsTest : public testing::BackendTest {};
ACCORD_TEST_ON_BACKENDS(RowsTest);

/// `count` rows of [0, bound), some of them often.
std::vector<std::int32_t> random_rows(Index count, Index bound, std::uint32_t seed) {
  Draws const draws(seed, Purpose::init);
  std::vector<std::int32_t> rows;
  for (Index i = 0; i < count; ++i)
    rows.push_back(static_cast<std::int32_t>(
        draws.below(static_cast<std::uint32_t>(bound), static_cast<std::uint64_t>(i), 0, 0)));
  return rows;
}

TEST_P(RowsTest, GatherMatchesReference) {
  for (Shape shape : testing::matrix_shapes)
    expect_like_reference(
        [&](Operands& operands) {
          View const to = operands.unset(shape);
          gather_rows(operands.queue(), operands.random({9, shape[1]}, 1),
                      operands.rows(random_rows(shape[0], 9, 2)), to);
          return std::vector<View>{to};
        },
        to_string(shape));
}

TEST_P(RowsTest, AddMatchesReferenceWithRepeatedRows) {
  for (Shape shape : testing::matrix_shapes)
    expect_like_reference(
        [&](Operands& operands) {
          Queue& queue = operands.queue();
          Index const m = shape[0], n = shape[1];
          View const both = operands.sums().random({9, n}, 1);
          View const target = operands.sums().random({9, n}, 2);
          View const source = operands.random({m, n}, 3), plain = operands.random({m, n}, 4);
          add_rows(queue, operands.random({11, n}, 5), operands.rows(random_rows(m, 11, 6)), both,
                   operands.rows(random_rows(m, 9, 7)));
          add_rows(queue, operands.random({m, n}, 8), {}, target,
                   operands.rows(random_rows(m, 9, 9)));
          add_rows(queue, operands.random({11, n}, 10), operands.rows(random_rows(m, 11, 11)),
                   source, {});
          add_rows(queue, operands.random({m, n}, 12), {}, plain, {});
          return std::vector<View>{both, target, source, plain};
        },
        to_string(shape));
}

TEST(Rows, ReferenceGathersAndAddsByIndex) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::strided);
  View const table = operands.values({3, 2}, {1, 2, 3, 4, 5, 6}), to = operands.unset({4, 2});
  View const list = operands.rows({2, 0, 2, 1});
  gather_rows(queue, table, list, to);
  EXPECT_EQ(testing::values_of(queue, to), (std::vector<double>{5, 6, 1, 2, 5, 6, 3, 4}));
  add_rows(queue, to, {}, table, list);
  EXPECT_EQ(testing::values_of(queue, table), (std::vector<double>{2, 4, 6, 8, 15, 18}));
}

TEST(Rows, ReferenceNamesARowThatDoesNotExist) {
  Queue queue(Backend::reference);
  Operands operands(queue, DType::float64, testing::Layout::dense);
  EXPECT_THROW(
      gather_rows(queue, operands.random({3, 2}, 1), operands.rows({3}), operands.unset({1, 2})),
      Error);
}

}  // namespace
}  // namespace accord
