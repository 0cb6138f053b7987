#include "parallel/data/whole_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/tensor/initial_values.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "parallel/data/gather_logical.hpp"
#include "parallel/data/sharded_optimizer.hpp"

namespace accord::parallel {
namespace {

// Rows and columns split over the tensor-parallel ranks, and tensors that all of them hold.
void add_parameters(ParameterStore& store) {
  store.add({"before", {7}, {}, Distribution::replicated});
  store.add({"rows", {8, 5}, {}, Distribution::split, 0});
  store.add({"columns", {13, 12}, {}, Distribution::split, 1});
  store.add({"few rows", {1, 8}, {}, Distribution::split, 1});
  store.add({"behind", {3, 4}, {}, Distribution::replicated});
}

// Exchanges a model's weights over a mesh, expects every element in its place as before, and
// returns how many pieces of "columns" this rank has before and after.
std::pair<std::ptrdiff_t, std::ptrdiff_t> pieces_of_columns(GroupCommunicator& world,
                                                            MeshShape const& shape,
                                                            std::size_t bucket_bytes) {
  Queue queue(Backend::cpu);
  MeshGroups groups = make_groups(world, shape);
  ParameterStore store(groups.tensor->rank(), groups.tensor->size());
  add_parameters(store);
  store.allocate(queue, DType::float64);
  initialise(queue, store, InitMode::dense, 5);
  Ownership const ownership(queue, store, groups, bucket_bytes);
  ShardedOptimizer optimizer(queue, store, groups, ownership, {}, Zero::sharded);
  auto const pieces = optimizer.pieces(TensorKind::weight, Copies::primary);
  RowPieces const exchanged = exchange_rows(queue, *groups.tensor, store, pieces);

  auto const before = gather_logical(queue, world, store, pieces);
  auto const after = gather_logical(queue, world, store, exchanged.pieces);
  EXPECT_EQ(before.size(), after.size());
  for (auto const& [name, tensor] : before) EXPECT_EQ(after.at(name).values, tensor.values);
  auto const of_columns = [&](std::vector<LogicalPiece> const& all) {
    return std::count_if(all.begin(), all.end(), [&](LogicalPiece const& piece) {
      return store.spec(piece.parameter).name == "columns";
    });
  };
  return {of_columns(pieces), of_columns(exchanged.pieces)};
}

TEST(ExchangeRows, LeavesTheRowsOfARankInOnePiece) {
  ThreadGroup(2).run([](GroupCommunicator& world) {
    EXPECT_EQ(pieces_of_columns(world, {.tensor = 2}, Ownership::default_bucket_bytes),
              std::pair(std::ptrdiff_t{13}, std::ptrdiff_t{1}));
  });
}

TEST(ExchangeRows, KeepsEveryElementWhereBucketsAndPartsCutRows) {
  ThreadGroup(8).run([](GroupCommunicator& world) {
    for (std::size_t bucket_bytes : {100, 300, 500})
      pieces_of_columns(world, {.data = 2, .tensor = 4}, bucket_bytes);
  });
}

TEST(ExchangeRows, NeverHoldsWhatOtherRanksTake) {
  ThreadGroup(4).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    ParameterStore store(world.rank(), world.size());
    add_parameters(store);
    store.allocate(queue, DType::float64);
    MeshGroups groups = make_groups(world, {.tensor = 4});
    Ownership const ownership(queue, store, groups);
    ShardedOptimizer optimizer(queue, store, groups, ownership, {}, Zero::sharded);
    std::size_t const before = queue.memory().bytes_in_use();
    queue.memory().reset_high_water();
    exchange_rows(queue, world, store, optimizer.pieces(TensorKind::weight, Copies::primary));
    // This rank's columns, as they arrive and as whole rows; rows are not shared evenly.
    std::size_t const columns = 13 * 12 / 4 * sizeof(double);
    EXPECT_LT(queue.memory().high_water() - before, 3 * columns);
  });
}

TEST(ExchangeRows, ChangesNothingOnOneRank) {
  Queue queue(Backend::cpu);
  MeshGroups groups;
  ParameterStore store;
  add_parameters(store);
  store.allocate(queue, DType::float64);
  Ownership const ownership(queue, store, groups);
  ShardedOptimizer optimizer(queue, store, groups, ownership, {}, Zero::sharded);
  auto const pieces = optimizer.pieces(TensorKind::weight, Copies::primary);
  RowPieces const same = exchange_rows(queue, *groups.tensor, store, pieces);
  EXPECT_TRUE(same.copies.empty());
  ASSERT_EQ(same.pieces.size(), pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i)
    EXPECT_EQ(same.pieces[i].values.data(), pieces[i].values.data());
}

}  // namespace
}  // namespace accord::parallel
