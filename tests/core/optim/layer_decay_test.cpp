#include "core/optim/layer_decay.hpp"

#include <gtest/gtest.h>

#include "core/optim/adamw.hpp"

namespace accord {
namespace {

class LayerDecay : public ::testing::Test {
 protected:
  double scale_of(std::string const& name, double decay) {
    store.add(ParameterSpec{.name = name, .shape = {3}});
    return layer_decay_scales(store, decay, 40).back();
  }
  Queue queue{Backend::cpu};  // outlives what the store allocates
  ParameterStore store;
};

// The values of spec 4.8.
TEST_F(LayerDecay, GivesThePublishedRatesForNineTenths) {
  EXPECT_NEAR(scale_of("encoder_wrapper.text_adapter.embed_tokens.weight", 0.9), 0.01330, 5e-6);
  EXPECT_NEAR(scale_of("encoder_wrapper.image_adapter.pos_embed", 0.9), 0.01330, 5e-6);
  EXPECT_NEAR(scale_of("encoder_wrapper.fusion_model.layers.0.gamma_1", 0.9), 0.01478, 5e-6);
  EXPECT_NEAR(scale_of("encoder_wrapper.image_adapter.rel_pos_table_list.0.weight", 0.9), 0.01478,
              5e-6);
  EXPECT_NEAR(scale_of("encoder_wrapper.fusion_model.layers.39.image_ffn.3.bias", 0.9), 0.9, 1e-15);
  EXPECT_NEAR(scale_of("encoder_wrapper.text_adapter.rel_pos_table_list.39.weight", 0.9), 0.9,
              1e-15);
}

TEST_F(LayerDecay, LeavesNormsHeadsAndDecoderAtTheFullRate) {
  for (char const* name :
       {"encoder_wrapper.fusion_model.image_layer_norm.weight", "image_proj.bias", "logit_scale",
        "class_classify_head.0.weight", "decoder_wrapper.text_adapter.embed_positions.weight",
        "decoder_wrapper.fusion_model.layers.1.self_attn.ln.weight"})
    EXPECT_EQ(scale_of(name, 0.5), 1.0) << name;
}

TEST_F(LayerDecay, ReachesTheRatesOfTheUpdate) {
  store.add(ParameterSpec{.name = "encoder_wrapper.image_adapter.pos_embed", .shape = {3}});
  store.add(ParameterSpec{.name = "encoder_wrapper.fusion_model.layers.0.gamma_1", .shape = {3}});
  store.allocate(queue, DType::float32);
  AdamwOptions options;
  options.learning_rate_scale = layer_decay_scales(store, 0.5, 1);
  auto const ranges = update_ranges(store, options, 0, store.trainable_size());
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(step_of(options, ranges[0], 1, 8e-3, 1).learning_rate, 2e-3);
  EXPECT_EQ(step_of(options, ranges[1], 1, 8e-3, 1).learning_rate, 4e-3);
}

TEST_F(LayerDecay, IsNothingAtOne) {
  store.add(ParameterSpec{.name = "a", .shape = {3}});
  EXPECT_TRUE(layer_decay_scales(store, 1, 40).empty());
}

}  // namespace
}  // namespace accord
