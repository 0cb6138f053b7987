#include "core/nn/geglu_ffn.hpp"

#include <gtest/gtest.h>

#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

constexpr Index ffn_rows = 5, ffn_input = 4, ffn_hidden = 6;

// The branch as a block runs it: through the region, with the bias on the rows outside.
testing::MakeModule ffn(Recompute recompute) {
  return [=](Queue&, ParameterScope const& scope, TensorParallelRegion const& region) {
    auto const module = std::make_shared<GegluFfn>(scope, ffn_input, ffn_hidden, region);
    auto const saved = std::make_shared<GegluFfn::Saved>();
    RowShares const shares = region.share(ffn_rows);
    return testing::TestedModule{
        [=](Queue& queue, ConstView own) {
          Tensor room, y(queue, own.dtype(), Shape{ffn_rows, ffn_input});
          module->forward(queue, region.enter_forward(queue, own, shares, room), recompute, y,
                          *saved);
          EXPECT_EQ(static_cast<bool>(saved->normed), recompute == Recompute::none);
          y = region.leave_forward(queue, std::move(y), shares);
          module->add_bias(queue, y);
          return y;
        },
        [=](Queue& queue, ConstView own, ConstView own_dy) {
          module->add_bias_backward(queue, own_dy);
          Tensor room, dy_room, dx(queue, own.dtype(), Shape{ffn_rows, ffn_input});
          ConstView const dy = region.leave_backward(queue, own_dy, shares, dy_room);
          module->backward(queue, dy, region.enter_forward(queue, own, shares, room), *saved, dx);
          return region.enter_backward(queue, std::move(dx), shares);
        }};
  };
}

TEST(GegluFfn, BackwardMatchesFiniteDifferences) {
  for (Recompute const recompute : {Recompute::none, Recompute::selective})
    testing::expect_module_gradients_match_finite_differences(ffn(recompute),
                                                              {ffn_rows, ffn_input});
}

TEST(GegluFfn, BackwardGivesNoGradientToFrozenParameters) {
  testing::expect_module_gradients_match_finite_differences(ffn(Recompute::none),
                                                            {ffn_rows, ffn_input}, {""});
  testing::expect_module_gradients_match_finite_differences(
      ffn(Recompute::none), {ffn_rows, ffn_input}, {"2.", "3.bias"});
}

TEST(GegluFfn, SplitOverTensorRanksEqualsTheWhole) {
  for (int const ranks : {2, 3})
    testing::expect_module_on_tensor_ranks_equals_whole(ffn(Recompute::selective),
                                                        {ffn_rows, ffn_input}, ranks);
}

}  // namespace
}  // namespace accord
