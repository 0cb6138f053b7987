#include "core/model/stack/block.hpp"

#include <gtest/gtest.h>

#include "tests/core/model/small_stack.hpp"

namespace accord {
namespace {

using testing::small_plan;
using testing::small_plan_shape;
using testing::small_stack_config;

struct BlockSetting {
  Index layer = 2;  ///< with the greatest drop-path
  double drop_path = 0.4;
  Recompute recompute = Recompute::none;
  StackConfig config = small_stack_config();
  std::vector<int> passes = {0, 1, 2};
};

testing::MakeModule block(BlockSetting const& setting) {
  return [=](Queue& queue, ParameterScope const& scope, TensorParallelRegion const& region) {
    auto const plan =
        std::make_shared<PackPlan>(small_plan(queue, region, setting.drop_path, setting.passes));
    auto const biases = std::make_shared<testing::SmallBiases>(queue, scope);
    auto const module = std::make_shared<Block>(scope, setting.config,
                                                std::vector<std::string>{"text", "image"}, region);
    auto const saved = std::make_shared<Block::Saved>();
    Index const layer = setting.layer;
    return testing::TestedModule{[=, recompute = setting.recompute](Queue& q, ConstView x) {
                                   Tensor own(q, x.dtype(), x.shape());
                                   copy(q, x, own);
                                   ResidualStream stream(std::move(own));
                                   module->forward(q, plan->attention(layer), plan->ffn(layer),
                                                   biases->of(layer), stream, recompute,
                                                   saved.get());
                                   return std::move(stream).finish(q);
                                 },
                                 [=](Queue& q, ConstView, ConstView dy) {
                                   ResidualGradient gradient{Tensor(q, dy.dtype(), dy.shape()), {}};
                                   copy(q, dy, gradient.dx);
                                   gradient.enter(q, module->ffn_end(plan->ffn(layer), *saved));
                                   module->backward(q, plan->attention(layer), plan->ffn(layer),
                                                    biases->of(layer), {}, gradient, *saved);
                                   return std::move(gradient.dx);
                                 }};
  };
}

TEST(Block, BackwardMatchesFiniteDifferences) {
  for (Recompute const recompute : {Recompute::none, Recompute::selective})
    testing::expect_module_gradients_match_finite_differences(block({.recompute = recompute}),
                                                              small_plan_shape());
}

// What the tests here stand on: of both branches some sequences take part and some do not.
TEST(Block, IsTestedWithSomeSequencesLeftOutOfEachBranch) {
  Queue queue(Backend::reference);
  SelfCommunicator self;
  PackPlan const plan = small_plan(queue, TensorParallelRegion(self), 0.4);
  for (BranchRows const* rows : {&plan.attention(2), &plan.ffn(2)}) {
    EXPECT_GT(rows->count, 0);
    EXPECT_LT(rows->count, plan.pack().rows);
  }
  EXPECT_NE(plan.attention(2).count, plan.ffn(2).count);
}

TEST(Block, WithoutLayerScaleMatchesFiniteDifferences) {
  BlockSetting setting;
  setting.config.layer_scale_init = 0;
  testing::expect_module_gradients_match_finite_differences(block(setting), small_plan_shape());
}

TEST(Block, BackwardGivesNoGradientToFrozenParameters) {
  testing::expect_module_gradients_match_finite_differences(
      block({}), small_plan_shape(),
      {"gamma_1", "self_attn.", "self_attn_layer_norm.", "image_ffn.", "text_adapter."});
}

// Seed and rate are such that no sequence takes the branch.
TEST(Block, PassesByABranchThatNobodyTakes) {
  Queue queue(Backend::reference);
  SelfCommunicator self;
  BlockSetting const setting{.drop_path = 0.9, .passes = {0}};
  PackPlan const plan =
      small_plan(queue, TensorParallelRegion(self), setting.drop_path, setting.passes);
  EXPECT_EQ(plan.attention(2).count, 0);
  testing::expect_module_gradients_match_finite_differences(block(setting),
                                                            small_plan_shape(setting.passes));
}

TEST(Block, SplitOverTensorRanksEqualsTheWhole) {
  testing::expect_module_on_tensor_ranks_equals_whole(block({}), small_plan_shape(), 2);
  testing::expect_module_on_tensor_ranks_equals_whole(block({.recompute = Recompute::selective}),
                                                      small_plan_shape(), 2);
}

}  // namespace
}  // namespace accord
