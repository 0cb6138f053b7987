#include "core/ops/cuda/launch.hpp"

#include <gtest/gtest.h>

namespace accord::cuda {
namespace {

TEST(Launch, TakesWholeWarpsForARowAndAtMostOneBlock) {
  EXPECT_EQ(row_threads(1, 8), 32);
  EXPECT_EQ(row_threads(256, 8), 32);
  EXPECT_EQ(row_threads(257, 8), 64);
  EXPECT_EQ(row_threads(1536, 8), 192);
  EXPECT_EQ(row_threads(6144, 8), most_threads);
}

TEST(Launch, CoversEveryColumnOfEveryRowOnce) {
  for (Index const rows : {1, 7})
    for (Index const columns : {1, 31, 1536, 5000, 100000})
      for (Index const per_thread : {1, 4, 8}) {
        ElementGrid const grid = element_grid(rows, columns, per_thread);
        EXPECT_EQ(grid.geometry.blocks, rows * grid.tiles);
        EXPECT_GE(grid.tiles * grid.tile_columns, columns);
        EXPECT_LT((grid.tiles - 1) * grid.tile_columns, columns);
        EXPECT_EQ(grid.tile_columns % (grid.geometry.threads * per_thread), 0);
      }
  EXPECT_EQ(element_grid(0, 5, 1).geometry.blocks, 0);
  EXPECT_EQ(element_grid(5, 0, 1).geometry.blocks, 0);
}

TEST(Launch, KeepsColumnSumsWithinASharedMemoryThatEveryDeviceHas) {
  EXPECT_EQ(column_sum_grid(10, 1536, 8, 2).blocks, 10);
  EXPECT_EQ(column_sum_grid(100000, 1536, 8, 2).blocks, full_device);
  EXPECT_EQ(column_sum_grid(10, 1536, 8, 2).shared_bytes, 2u * 1536 * 4);
  EXPECT_LE(column_sum_grid(10, 6144, 8, 2).shared_bytes, 48u << 10);
}

TEST(Launch, CallsForVectorsOnlyWhereEveryRowIsAligned) {
  alignas(16) float values[64];
  EXPECT_TRUE(vectorizable(ConstView(values, DType::float32, {4, 8})));
  EXPECT_FALSE(vectorizable(ConstView(values + 1, DType::float32, {4, 8})));
  EXPECT_FALSE(vectorizable(ConstView(values, DType::float32, {4, 7})));
  EXPECT_FALSE(vectorizable(ConstView(values, DType::float32, {4, 8}, 9)));
  EXPECT_TRUE(vectorizable(ConstView(values, DType::float32, {1, 8}, 9)));
  EXPECT_TRUE(vectorizable(ConstView(values, DType::bfloat16, {4, 8}, 16)));
  EXPECT_TRUE(vectorizable(ConstView{}));
}

}  // namespace
}  // namespace accord::cuda
