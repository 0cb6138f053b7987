#include "core/nn/layer_norm.hpp"

#include <gtest/gtest.h>

#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

using testing::TestedModule;

TestedModule functions_of(LayerNorm norm) {
  auto const saved = std::make_shared<LayerNorm::Saved>();
  return {[=](Queue& queue, ConstView x) { return norm.forward(queue, x, {}, *saved); },
          [=](Queue& queue, ConstView x, ConstView dy) {
            Tensor dx(queue, x.dtype(), x.shape());
            norm.backward(queue, dy, x, {}, *saved, Write::overwrite, dx);
            return dx;
          }};
}

TestedModule make_norm(Queue&, ParameterScope const& scope, TensorParallelRegion const&) {
  return functions_of(add_layer_norm(scope, 6));
}

TEST(LayerNorm, BackwardMatchesFiniteDifferences) {
  testing::expect_module_gradients_match_finite_differences(make_norm, {4, 6});
  testing::expect_module_gradients_match_finite_differences(make_norm, {4, 6}, {"weight"});
  testing::expect_module_gradients_match_finite_differences(make_norm, {4, 6}, {"bias"});
  testing::expect_module_gradients_match_finite_differences(
      [](Queue&, ParameterScope const& scope, TensorParallelRegion const&) {
        return functions_of(LayerNorm(scope.store(), -1, -1));
      },
      {4, 6});
}

// As in a block: the stream goes on beside the branch, whose gradient is added to the stream's.
TEST(LayerNorm, OfSomeRowsAddsToTheirGradient) {
  testing::expect_module_gradients_match_finite_differences(
      [](Queue& queue, ParameterScope const& scope, TensorParallelRegion const&) -> TestedModule {
        LayerNorm const norm = add_layer_norm(scope, 6);
        auto const saved = std::make_shared<LayerNorm::Saved>();
        auto const rows =
            std::make_shared<Tensor>(Tensor::from_host(queue, std::vector<std::int32_t>{3, 0, 4}));
        return {[=](Queue& q, ConstView x) {
                  Tensor y(q, x.dtype(), Shape{5 + 3, 6});
                  copy(q, x, y.view().rows(0, 5));
                  norm.forward(q, x, *rows, y.view().rows(5, 3), *saved);
                  return y;
                },
                [=](Queue& q, ConstView x, ConstView dy) {
                  Tensor dx(q, x.dtype(), x.shape());
                  copy(q, dy.rows(0, 5), dx);
                  norm.backward(q, dy.rows(5, 3), x, *rows, *saved, Write::accumulate, dx);
                  return dx;
                }};
      },
      {5, 6});
}

TEST(LayerNorm, RecomputesTheSameBits) {
  SelfCommunicator self;
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    testing::ModuleOnRank module(backend, make_norm, {}, TensorParallelRegion(self));
    LayerNorm const norm(module.store(), 0, 1);
    Queue& queue = module.queue();
    Tensor const x = testing::random_tensor(queue, DType::float64, {4, 6}, 3);
    LayerNorm::Saved saved;
    EXPECT_EQ(testing::values_of(queue, norm.forward(queue, x, {}, saved)),
              testing::values_of(queue, norm.recompute(queue, x, {})));
  }
}

// Columns of one row on several ranks, as between the two products of a region.
TEST(LayerNorm, ShardedOverColumnsEqualsTheWhole) {
  Index const width = 6;
  testing::MakeModule const make = [&](Queue&, ParameterScope const& scope,
                                       TensorParallelRegion const& region) -> TestedModule {
    int const weight = scope.add({"weight", {width}, constant_init(1), region.inside()}),
              bias = scope.add({"bias", {width}, constant_init(0), region.inside()});
    LayerNorm const norm(scope.store(), weight, bias, region.group(), width);
    auto const saved = std::make_shared<LayerNorm::Saved>();
    Index const n = width / region.size(), first = region.group().rank() * n;
    auto const own = [=](Queue& queue, ConstView all) {
      Tensor columns(queue, all.dtype(), Shape{all.rows(), n});
      copy(queue, all.columns(first, n), columns);
      return columns;
    };
    auto const whole = [=](Queue& queue, ConstView columns) {
      Tensor all = Tensor::zeros(queue, columns.dtype(), Shape{columns.rows(), width});
      copy(queue, columns, all.view().columns(first, n));
      region.group().all_reduce(queue, all);
      return all;
    };
    RowShares const shares = region.share(5);
    return {[=](Queue& queue, ConstView x) {
              Tensor room;
              ConstView const all = region.enter_forward(queue, x, shares, room);
              Tensor const y = norm.forward(queue, own(queue, all), {}, *saved);
              return region.take_own(queue, whole(queue, y), shares);
            },
            [=](Queue& queue, ConstView x, ConstView dy) {
              Tensor room, dy_room;
              ConstView const all = region.enter_forward(queue, x, shares, room);
              ConstView const all_dy = region.leave_backward(queue, dy, shares, dy_room);
              Tensor dx = own(queue, all_dy);
              norm.backward(queue, dx, own(queue, all), {}, *saved, Write::overwrite, dx);
              return region.take_own(queue, whole(queue, dx), shares);
            }};
  };
  testing::expect_module_gradients_match_finite_differences(make, {5, width});
  for (int const ranks : {2, 3})
    testing::expect_module_on_tensor_ranks_equals_whole(make, {5, width}, ranks);
}

TEST(LayerNorm, ShardedTakesNoRowListAndOverwrites) {
  parallel::ThreadGroup(2).run([](parallel::GroupCommunicator& group) {
    Queue queue(Backend::cpu);
    ParameterStore store;
    LayerNorm const norm(store, -1, -1, group, 6);
    Tensor const x = testing::random_tensor(queue, DType::float64, {4, 3}, 3);
    Tensor const rows = Tensor::from_host(queue, std::vector<std::int32_t>{3, 0});
    LayerNorm::Saved saved;
    EXPECT_THROW(norm.forward(queue, x, rows, saved), Error);
    norm.forward(queue, x, {}, saved);
    Tensor dx = Tensor::zeros(queue, DType::float64, {4, 3});
    EXPECT_THROW(norm.backward(queue, x, x, {}, saved, Write::accumulate, dx), Error);
  });
}

}  // namespace
}  // namespace accord
