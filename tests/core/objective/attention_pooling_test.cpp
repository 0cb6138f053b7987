#include "core/objective/attention_pooling.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

constexpr Index pooled_width = 6, pooling_heads = 2;

/// Samples of so many tokens each, back to back; y has a row per sample.
testing::MakeModule pooling(std::vector<Index> const& lengths) {
  return [=](Queue&, ParameterScope const& scope, TensorParallelRegion const&) {
    auto const module = std::make_shared<AttentionPooling>(scope, pooled_width, pooling_heads);
    auto const saved = std::make_shared<AttentionPooling::Saved>();
    return testing::TestedModule{
        [=](Queue& queue, ConstView x) { return module->forward(queue, x, lengths, *saved); },
        [=](Queue& queue, ConstView x, ConstView dy) {
          return module->backward(queue, dy, x, *saved);
        }};
  };
}

TEST(AttentionPooling, BackwardMatchesFiniteDifferences) {
  testing::expect_module_gradients_match_finite_differences(pooling({3, 1, 2}), {6, pooled_width});
  testing::expect_module_gradients_match_finite_differences(pooling({3, 1, 2}), {6, pooled_width},
                                                            {"q", "v_proj.weight"});
}

// The definition, written with loops.
TEST(AttentionPooling, IsASoftmaxOfLearnedQueriesWithoutTheRootOfTheHeadWidth) {
  SelfCommunicator self;
  testing::ModuleOnRank module(Backend::reference, pooling({4}), {}, TensorParallelRegion(self));
  Queue& queue = module.queue();
  auto const parameter = [&](char const* name) {
    return testing::values_of(queue, module.store().value(module.store().find(name)));
  };
  std::vector<double> const q = parameter("q"), k = parameter("k_proj.weight"),
                            v = parameter("v_proj.weight"), v_bias = parameter("v_proj.bias"),
                            o = parameter("out_proj.weight"), o_bias = parameter("out_proj.bias");
  std::vector<double> const x = testing::random_values(4 * pooled_width, 3);
  auto const product = [&](std::vector<double> const& weight, std::size_t row,
                           double const* input) {
    double sum = 0;
    for (std::size_t j = 0; j < pooled_width; ++j) sum += weight[row * pooled_width + j] * input[j];
    return sum;
  };
  std::vector<double> mixed(pooled_width, 0.0), want;
  for (std::size_t h = 0; h < pooling_heads; ++h) {
    std::vector<double> weights;
    double sum = 0;
    for (std::size_t t = 0; t < 4; ++t) {
      double logit = 0;
      for (std::size_t c = 3 * h; c < 3 * h + 3; ++c)
        logit += q[c] * product(k, c, &x[t * pooled_width]);
      weights.push_back(std::exp(logit));
      sum += weights.back();
    }
    for (std::size_t t = 0; t < 4; ++t)
      for (std::size_t c = 3 * h; c < 3 * h + 3; ++c)
        mixed[c] += weights[t] / sum * (product(v, c, &x[t * pooled_width]) + v_bias[c]);
  }
  for (std::size_t c = 0; c < pooled_width; ++c)
    want.push_back(product(o, c, mixed.data()) + o_bias[c]);
  Tensor const got = module.forward(module.tensor(x, {4, pooled_width}));
  testing::expect_near(testing::values_of(queue, got), want, 1e-14, "pooled");
}

}  // namespace
}  // namespace accord
