#include "core/model/parameter_names.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/support/tiny_model.hpp"

namespace accord {
namespace {

using Kind = ParameterPart::Kind;

/// All that there is: every family, a decoder, tables of each layer, embeddings and a head.
std::map<std::string, ParameterSpec> parameters() {
  ModelConfig config = testing::tiny_model_config();
  config.layer_position_bias = true;
  config.modalities.push_back(testing::tiny_audio_model_config().modalities[1]);
  config.modalities.push_back(testing::tiny_sequence_model_config({3}).modalities[1]);
  config.modalities.back().name = "layer_embed_2";  // a name that the grammar's own words are in
  config.objectives.push_back({.name = "class",
                               .kind = "classify",
                               .student = {1},
                               .teacher = {},
                               .modality = 1,
                               .classes = 3});
  std::map<std::string, ParameterSpec> specs;
  for (ParameterSpec& spec : Model::describe(config)) specs.emplace(spec.name, std::move(spec));
  return specs;
}

TEST(ParameterNames, AreReadAsTheyWereWritten) {
  std::map<std::string, int> counts;
  for (auto const& [name, spec] : parameters()) {
    EXPECT_EQ(official::modality_of(name), spec.part.modality) << name;
    ++counts[spec.part.modality];
  }
  EXPECT_EQ(counts.size(), 5u);  // four modalities, and what they share
  for (auto const& [modality, count] : counts) EXPECT_GT(count, 20) << modality;
}

TEST(ParameterNames, OfOtherModelsSayNoModality) {
  for (char const* name :
       {"", ".", "image", "classifier.0.weight", "encoder_wrapper", "encoder_wrapper.fusion_model",
        "encoder_wrapper.fusion_model.layers.0", "decoder_embed.weight",
        "encoder_wrapper.fusion_model.layers.0.self_attn_layer_norm.weight",
        "model.image_adapter.cls_embedding"})
    EXPECT_EQ(official::modality_of(name), "") << name;
  EXPECT_EQ(official::first_component("a.b.c"), "a");
  EXPECT_EQ(official::first_component("logit_scale"), "logit_scale");
}

// Of the three layers of the model.
TEST(ParameterParts, SayTheDepthThatLayerDecayCountsBy) {
  auto const all = parameters();
  auto const depth = [&](std::string const& name) { return all.at(name).part.depth; };
  std::string const encoder = "encoder_wrapper.";
  EXPECT_EQ(depth(encoder + "text_adapter.embed_tokens.weight"), 0);
  EXPECT_EQ(depth(encoder + "image_adapter.pos_embed"), 0);
  EXPECT_EQ(depth(encoder + "image_adapter.rel_pos_table_list.0.weight"), 1);
  EXPECT_EQ(depth(encoder + "image_adapter.rel_pos_table_list.2.weight"), 3);
  EXPECT_EQ(depth(encoder + "fusion_model.layers.0.gamma_1"), 1);
  EXPECT_EQ(depth(encoder + "fusion_model.layers.2.self_attn.q_proj.weight"), 3);
  EXPECT_EQ(depth(encoder + "fusion_model.layers.2.image_ffn.3.bias"), 3);
  for (char const* name :
       {"encoder_wrapper.fusion_model.image_layer_norm.weight", "image_proj.bias", "logit_scale",
        "classify_head.classifier.0.weight", "decoder_wrapper.text_adapter.embed_positions.weight",
        "decoder_wrapper.fusion_model.layers.0.self_attn.ln.weight", "decoder_image_embed.weight",
        "image_mask_token"})
    EXPECT_GE(depth(name), 4) << name;
}

TEST(ParameterParts, SayWhatBecomesOfThemInAnotherRun) {
  std::map<Kind, std::vector<std::string>> names;
  for (auto const& [name, spec] : parameters()) names[spec.part.kind].push_back(name);
  EXPECT_EQ(names[Kind::temperature], std::vector<std::string>{"logit_scale"});
  EXPECT_EQ(names[Kind::bias_table].size(), 12u);     // of four modalities in three layers
  EXPECT_EQ(names[Kind::position_table].size(), 7u);  // two each; sounds have none in the encoder
  for (std::string const& name : names[Kind::class_head])
    EXPECT_TRUE(name.starts_with("classify_head.")) << name;
  EXPECT_EQ(names[Kind::class_head].size(), 14u);
}

TEST(ParameterParts, OnlyTheTemperatureIsBounded) {
  for (auto const& [name, spec] : parameters()) {
    bool const bounded = std::isfinite(spec.bounds.lower) || std::isfinite(spec.bounds.upper);
    EXPECT_EQ(bounded, name == "logit_scale") << name;
  }
  ParameterBounds const bounds = parameters().at("logit_scale").bounds;
  EXPECT_EQ(bounds.lower, 0);
  EXPECT_EQ(bounds.upper, std::log(100.0));
}

}  // namespace
}  // namespace accord
