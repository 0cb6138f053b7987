#include "core/model/stack/stack.hpp"

#include <gtest/gtest.h>

#include "tests/core/model/small_stack.hpp"

namespace accord {
namespace {

using testing::small_plan;
using testing::small_plan_shape;

/// Layers 1 and 2 of three, and what one forward of them saved.
class TwoLayers {
 public:
  TwoLayers(Queue& queue, ParameterScope const& scope, TensorParallelRegion const& region)
      : plan_(small_plan(queue, region, 0.4)),
        biases_(queue, scope),
        stack_(scope / "fusion_model", testing::small_stack_config(), {"text", "image"}, region, 1,
               3) {}

  Stack const& stack() const { return stack_; }
  Tensor forward(Queue& queue, ConstView x, Recompute recompute) {
    return run(queue, x, recompute, &saved_);
  }
  Tensor forward_without_gradient(Queue& queue, ConstView x) {
    return run(queue, x, Recompute::none, nullptr);
  }
  Tensor backward(Queue& queue, ConstView dy, Recompute recompute, Stack::Ready const& ready = {}) {
    return stack_.backward(queue, plan_, biases(), copied(queue, dy), recompute, saved_, ready);
  }

 private:
  Stack::Biases biases() const {
    return [this](Index layer) { return biases_.of(layer); };
  }
  static Tensor copied(Queue& queue, ConstView x) {
    Tensor own(queue, x.dtype(), x.shape());
    copy(queue, x, own);
    return own;
  }
  Tensor run(Queue& queue, ConstView x, Recompute recompute, Stack::Saved* saved) {
    return stack_.forward(queue, plan_, biases(), copied(queue, x), recompute, saved);
  }

  PackPlan plan_;
  testing::SmallBiases biases_;
  Stack stack_;
  Stack::Saved saved_;
};

testing::MakeModule two_layers(Recompute recompute) {
  return [=](Queue& queue, ParameterScope const& scope, TensorParallelRegion const& region) {
    auto const layers = std::make_shared<TwoLayers>(queue, scope, region);
    return testing::TestedModule{
        [=](Queue& q, ConstView x) { return layers->forward(q, x, recompute); },
        [=](Queue& q, ConstView, ConstView dy) { return layers->backward(q, dy, recompute); }};
  };
}

/// The same layers outside the checks of gradients.
struct BuiltLayers {
  explicit BuiltLayers(Backend backend = Backend::cpu)
      : queue(backend), layers(queue, ParameterScope(store, rules), TensorParallelRegion(self)) {
    store.allocate(queue, DType::float64);
    initialise(queue, store, InitMode::dense, 7);
    x = testing::random_tensor(queue, DType::float64, small_plan_shape(), 1);
    dy = testing::random_tensor(queue, DType::float64, small_plan_shape(), 2);
  }
  std::vector<double> gradients() { return testing::values_of(queue, store.flat_gradients()); }

  SelfCommunicator self;
  Queue queue;
  ParameterStore store;
  ParameterScope::Rules rules;
  TwoLayers layers;
  Tensor x, dy;
};

TEST(Stack, BackwardMatchesFiniteDifferences) {
  for (Recompute const recompute : {Recompute::none, Recompute::layer})
    testing::expect_module_gradients_match_finite_differences(two_layers(recompute),
                                                              small_plan_shape());
}

TEST(Stack, SplitOverTensorRanksEqualsTheWhole) {
  for (Recompute const recompute : {Recompute::none, Recompute::layer})
    testing::expect_module_on_tensor_ranks_equals_whole(two_layers(recompute), small_plan_shape(),
                                                        2);
}

TEST(Stack, GivesTheSameBitsWhateverItKeeps) {
  BuiltLayers built;
  auto const want =
      testing::values_of(built.queue, built.layers.forward(built.queue, built.x, Recompute::none));
  for (Recompute const recompute : {Recompute::selective, Recompute::layer})
    EXPECT_EQ(
        testing::values_of(built.queue, built.layers.forward(built.queue, built.x, recompute)),
        want);
  EXPECT_EQ(
      testing::values_of(built.queue, built.layers.forward_without_gradient(built.queue, built.x)),
      want);
}

// Reducing a gradient begins as soon as backward says that it is final.
TEST(Stack, SaysFromWhereOnGradientsAreFinal) {
  for (Recompute const recompute : {Recompute::none, Recompute::layer}) {
    BuiltLayers built;
    built.layers.forward(built.queue, built.x, recompute);
    std::vector<std::pair<Index, std::vector<double>>> at;
    built.layers.backward(built.queue, built.dy, recompute, [&](Index flat_begin) {
      at.emplace_back(flat_begin, built.gradients());
    });
    ASSERT_EQ(at.size(), 2u);
    EXPECT_EQ(at[0].first, built.layers.stack().block(2).flat_begin());
    EXPECT_EQ(at[1].first, built.layers.stack().block(1).flat_begin());
    EXPECT_LT(at[1].first, at[0].first);
    std::vector<double> const end = built.gradients();
    for (auto const& [begin, gradients] : at) {
      EXPECT_TRUE(std::equal(end.begin() + begin, end.end(), gradients.begin() + begin));
      EXPECT_NE(std::count(end.begin() + begin, end.end(), 0.0),
                static_cast<std::ptrdiff_t>(end.size()) - begin);
    }
    EXPECT_FALSE(
        std::equal(end.begin() + at[1].first, end.end(), at[0].second.begin() + at[1].first));
  }
}

}  // namespace
}  // namespace accord
