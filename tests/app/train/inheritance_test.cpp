#include "app/train/inheritance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/model/parameter_names.hpp"

namespace accord::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> const source{
    "encoder_wrapper.text_adapter.cls_embedding",
    "encoder_wrapper.fusion_model.layers.0.self_attn.q_proj.weight",
    "encoder_wrapper.fusion_model.layers.0.text_ffn.0.wi_0.weight",
    "decoder_wrapper.text_adapter.mask_token",
    "text_proj.weight",
    "logit_scale",
};

std::vector<ParameterSpec> run_of(std::vector<std::string> const& names) {
  std::vector<ParameterSpec> run;
  for (std::string const& name : names)
    run.push_back({.name = name, .shape = {}, .part = {.modality = official::modality_of(name)}});
  return run;
}

TEST(Inheritance, TakesAllThatIsThere) {
  Inheritance const found = inheritance_of(run_of(source), source);
  EXPECT_THAT(found.fresh, IsEmpty());
  EXPECT_THAT(found.missing, IsEmpty());
  EXPECT_THAT(found.unused, IsEmpty());
}

TEST(Inheritance, ANewModalityStartsAnewInEveryPart) {
  std::vector<std::string> run = source;
  std::vector<std::string> const added{
      "encoder_wrapper.fusion_model.layers.0.audio_ffn.0.wi_0.weight",
      "decoder_wrapper.audio_adapter.mask_token", "audio_proj.weight"};
  run.insert(run.end(), added.begin(), added.end());
  Inheritance const found = inheritance_of(run_of(run), source);
  EXPECT_EQ(found.fresh, added);
  EXPECT_THAT(found.missing, IsEmpty());
}

TEST(Inheritance, WhatAPartLacksIsMissing) {
  std::vector<std::string> run = source;
  run.emplace_back("encoder_wrapper.fusion_model.layers.1.text_ffn.0.wi_0.weight");
  run.emplace_back("encoder_wrapper.fusion_model.layers.1.self_attn.q_proj.weight");
  EXPECT_EQ(inheritance_of(run_of(run), source).missing.size(), 2u);
}

TEST(Inheritance, AHeadIsNewAndADecoderThatIsNotUsedIsLeftOut) {
  std::vector<std::string> run = source;
  run.erase(run.begin() + 3);
  run.emplace_back("classifier.0.weight");
  Inheritance const found = inheritance_of(run_of(run), source);
  EXPECT_THAT(found.fresh, ElementsAre("classifier.0.weight"));
  EXPECT_THAT(found.missing, IsEmpty());
  EXPECT_THAT(found.unused, ElementsAre("decoder_wrapper.text_adapter.mask_token"));
}

TEST(Inheritance, LongListsAreCutShort) {
  EXPECT_EQ(shortened({"a", "b", "c", "d"}), "a, b, c, d");
  EXPECT_EQ(shortened({"a", "b", "c", "d", "e"}), "a, b, c and 2 others");
}

}  // namespace
}  // namespace accord::app
