#include "core/nn/self_attention.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

constexpr Index attention_rows = 7, attention_width = 8, heads = 2, buckets = 5, whole_length = 4;

// A sequence of one modality, and one of two segments with a key that nobody attends to.
AttentionPlan plan_of(Queue& queue, bool with_bias) {
  AttentionPlan plan;
  plan.segments = {{0, 3, 0}, {3, 2, 0}, {5, 2, 1}};
  plan.sequences = {0, 1, 3};
  plan.keys = Tensor::from_host(queue, std::vector<std::uint8_t>{1, 1, 1, 1, 0, 1, 1});
  if (with_bias)
    plan.positions = Tensor::from_host(queue, std::vector<std::int32_t>{0, 1, 3, 0, 2, 0, 1});
  return plan;
}

testing::MakeModule attention(Recompute recompute, bool with_bias = true) {
  return [=](Queue& queue, ParameterScope const& scope, TensorParallelRegion const& region) {
    auto const module = std::make_shared<SelfAttention>(scope, attention_width, heads, region);
    auto const saved = std::make_shared<SelfAttention::Saved>();
    auto const plan = std::make_shared<AttentionPlan>(plan_of(queue, with_bias));
    RowShares const shares = region.share(attention_rows);
    // modality 1 has no bias
    int const table =
        with_bias ? scope.add({"table", {buckets, heads}, embedding_init(), region.inside(), 1})
                  : -1;
    std::vector<std::int32_t> bucket_of;
    for (std::int32_t i = 0; i < whole_length * whole_length; ++i)
      bucket_of.push_back(3 * i % buckets);
    auto const bucket = std::make_shared<Tensor>(Tensor::from_host(
        queue, std::span<std::int32_t const>(bucket_of), Shape{whole_length, whole_length}));
    ParameterStore* const store = &scope.store();
    auto const bias = [=]() -> std::vector<PositionBias> {
      if (table < 0) return {};
      return {{store->value(table), *bucket, store->gradient(table)}, {}};
    };
    return testing::TestedModule{
        [=](Queue& q, ConstView a) {
          Tensor y = module->forward(q, a, *plan, bias(), recompute, *saved, shares);
          EXPECT_EQ(static_cast<bool>(saved->normed), recompute == Recompute::none);
          return y;
        },
        [=](Queue& q, ConstView a, ConstView dy) {
          return module->backward(q, dy, a, *plan, bias(), *saved, shares);
        }};
  };
}

TEST(SelfAttention, BackwardMatchesFiniteDifferences) {
  for (Recompute const recompute : {Recompute::none, Recompute::selective})
    testing::expect_module_gradients_match_finite_differences(attention(recompute),
                                                              {attention_rows, attention_width});
  testing::expect_module_gradients_match_finite_differences(attention(Recompute::none, false),
                                                            {attention_rows, attention_width});
}

TEST(SelfAttention, BackwardGivesNoGradientToFrozenParameters) {
  testing::expect_module_gradients_match_finite_differences(
      attention(Recompute::none), {attention_rows, attention_width}, {""});
  testing::expect_module_gradients_match_finite_differences(
      attention(Recompute::none), {attention_rows, attention_width},
      {"q_proj.bias", "out_proj.weight", "ln.bias", "table"});
}

TEST(SelfAttention, SplitOverTensorRanksEqualsTheWhole) {
  testing::expect_module_on_tensor_ranks_equals_whole(attention(Recompute::none),
                                                      {attention_rows, attention_width}, 2);
  testing::expect_module_on_tensor_ranks_equals_whole(attention(Recompute::selective),
                                                      {attention_rows, attention_width}, 2);
}

TEST(SelfAttention, RefusesHeadsThatDoNotDivideByTheRanks) {
  parallel::ThreadGroup(3).run([](parallel::GroupCommunicator& group) {
    ParameterStore store(group.rank(), group.size());
    ParameterScope::Rules const rules;
    EXPECT_THROW(SelfAttention(ParameterScope(store, rules), 12, 4, TensorParallelRegion(group)),
                 UsageError);
  });
}

}  // namespace
}  // namespace accord
