#include "core/nn/linear.hpp"

#include <gtest/gtest.h>

#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

using testing::TestedModule;

TestedModule functions_of(Linear linear) {
  return {[=](Queue& queue, ConstView x) { return linear.forward(queue, x); },
          [=](Queue& queue, ConstView x, ConstView dy) { return linear.backward(queue, dy, x); }};
}

TestedModule make_linear(Queue&, ParameterScope const& scope, TensorParallelRegion const&) {
  return functions_of(add_linear(scope, 4, 3));
}

TEST(Linear, BackwardMatchesFiniteDifferences) {
  testing::expect_module_gradients_match_finite_differences(make_linear, {5, 4});
  testing::expect_module_gradients_match_finite_differences(
      [](Queue&, ParameterScope const& scope, TensorParallelRegion const&) {
        return functions_of(add_linear(scope, 4, 3, Bias::none));
      },
      {5, 4});
}

TEST(Linear, BackwardGivesNoGradientToFrozenParameters) {
  testing::expect_module_gradients_match_finite_differences(make_linear, {5, 4}, {"weight"});
  testing::expect_module_gradients_match_finite_differences(make_linear, {5, 4}, {"bias"});
  testing::expect_module_gradients_match_finite_differences(make_linear, {5, 4}, {""});
}

TEST(Linear, OfSeveralWeightsIsOneBelowTheOther) {
  testing::MakeModule const make = [](Queue&, ParameterScope const& scope,
                                      TensorParallelRegion const&) {
    int const first = scope.add({{"a.weight", {2, 4}, linear_init(4)},
                                 {"b.weight", {2, 4}, linear_init(4)},
                                 {"c.weight", {2, 4}, linear_init(4)}});
    return functions_of(Linear(scope.store(), first, -1, 3));
  };
  testing::expect_module_gradients_match_finite_differences(make, {5, 4});
}

// Two maps of one input: the second adds its share to the input's gradient.
TEST(Linear, BackwardAddsToTheGradientOfAnInputThatOthersRead) {
  testing::expect_module_gradients_match_finite_differences(
      [](Queue&, ParameterScope const& scope, TensorParallelRegion const&) -> TestedModule {
        Linear const a = add_linear(scope / "a", 4, 3), b = add_linear(scope / "b", 4, 2);
        return {[=](Queue& queue, ConstView x) {
                  Tensor y(queue, x.dtype(), Shape{x.rows(), 5});
                  a.forward(queue, x, y.view().columns(0, 3));
                  b.forward(queue, x, y.view().columns(3, 2));
                  return y;
                },
                [=](Queue& queue, ConstView x, ConstView dy) {
                  Tensor dx = a.backward(queue, dy.columns(0, 3), x);
                  b.backward_parameters(queue, dy.columns(3, 2), x);
                  b.backward_input(queue, dy.columns(3, 2), dx, 1);
                  return dx;
                }};
      },
      {5, 4});
}

// Megatron's pair: split by outputs, then by inputs, one sum over the group behind it.
TEST(Linear, SplitOverTensorRanksEqualsTheWhole) {
  testing::MakeModule const make = [](Queue&, ParameterScope const& scope,
                                      TensorParallelRegion const& region) -> TestedModule {
    auto const add = [&](char const* name, Shape shape, int dimension) {
      return scope.add({name, shape, linear_init(shape[1]), region.inside(), dimension});
    };
    Linear const up(scope.store(), add("up.weight", {6, 4}, 0),
                    scope.add({"up.bias", {6}, constant_init(0), region.inside()}));
    Linear const down(scope.store(), add("down.weight", {4, 6}, 1));
    return {[=](Queue& queue, ConstView own) {
              RowShares const shares = region.share(5);
              Tensor room;
              ConstView const x = region.enter_forward(queue, own, shares, room);
              return region.leave_forward(queue, down.forward(queue, up.forward(queue, x)), shares);
            },
            [=](Queue& queue, ConstView own, ConstView own_dy) {
              RowShares const shares = region.share(5);
              Tensor room, dy_room;
              ConstView const x = region.enter_forward(queue, own, shares, room);
              ConstView const dy = region.leave_backward(queue, own_dy, shares, dy_room);
              Tensor const inner = up.forward(queue, x), dinner = down.backward(queue, dy, inner);
              return region.enter_backward(queue, up.backward(queue, dinner, x), shares);
            }};
  };
  testing::expect_module_gradients_match_finite_differences(make, {5, 4});
  for (int const ranks : {2, 3})
    testing::expect_module_on_tensor_ranks_equals_whole(make, {5, 4}, ranks);
}

}  // namespace
}  // namespace accord
