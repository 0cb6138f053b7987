#include "core/optim/layer_decay.hpp"

#include <gtest/gtest.h>

#include "core/optim/adamw.hpp"

namespace accord {
namespace {

class LayerDecay : public ::testing::Test {
 protected:
  void add(std::string const& name, Index depth) {
    store.add(ParameterSpec{.name = name, .shape = {3}, .part = {.depth = depth}});
  }
  double scale_at(Index depth, double decay) {
    add(fmt::format("p{}", store.count()), depth);
    return layer_decay_scales(store, decay, 40).back();
  }
  Queue queue{Backend::cpu};  // outlives what the store allocates
  ParameterStore store;
};

// The values of docs/model.md 4.8.
TEST_F(LayerDecay, GivesThePublishedRatesForNineTenths) {
  EXPECT_NEAR(scale_at(0, 0.9), 0.01330, 5e-6);
  EXPECT_NEAR(scale_at(1, 0.9), 0.01478, 5e-6);
  EXPECT_NEAR(scale_at(40, 0.9), 0.9, 1e-15);
}

TEST_F(LayerDecay, LeavesAllBehindTheLayersAtTheFullRate) {
  EXPECT_EQ(scale_at(41, 0.5), 1.0);
  EXPECT_EQ(scale_at(43, 0.5), 1.0);
}

TEST_F(LayerDecay, ReachesTheRatesOfTheUpdate) {
  add("positions", 0);
  add("gamma", 1);
  store.allocate(queue, DType::float32);
  AdamwOptions options;
  options.learning_rate_scale = layer_decay_scales(store, 0.5, 1);
  auto const ranges = update_ranges(store, options, 0, store.trainable_size());
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(step_of(options, ranges[0], 1, 8e-3, 1).learning_rate, 2e-3);
  EXPECT_EQ(step_of(options, ranges[1], 1, 8e-3, 1).learning_rate, 4e-3);
}

TEST_F(LayerDecay, IsNothingAtOne) {
  add("a", 0);
  EXPECT_TRUE(layer_decay_scales(store, 1, 40).empty());
}

}  // namespace
}  // namespace accord
