#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/model/model.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

std::vector<std::string> parameters_of(ModelConfig const& config) {
  std::vector<std::string> names;
  for (ParameterSpec const& spec : Model::describe(config)) names.push_back(spec.name);
  return names;
}

bool has(ModelConfig const& config, std::string const& parameter) {
  std::vector<std::string> const names = parameters_of(config);
  return std::ranges::find(names, parameter) != names.end();
}

ModelConfig with_only(std::string const& kind) {
  ModelConfig config = accord::testing::tiny_finetune_config(1, Pooling::attention);
  std::erase_if(config.objectives,
                [&](ObjectiveConfig const& objective) { return objective.kind != kind; });
  return config;
}

}  // namespace

TEST(ObjectiveRegistry, NamesTheKnownKindsToWhoAsksForAnother) {
  try {
    objective_family("guess");
    ADD_FAILURE() << "no error";
  } catch (UsageError const& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"guess\" is unknown; there are: contrast, denoise, "));
  }
  for (ObjectiveFamily const* family : objective_families())
    EXPECT_EQ(&objective_family(family->name), family);
}

TEST(Objectives, NameTheFiguresOfAStep) {
  ModelConfig const config = accord::testing::tiny_finetune_config(1, Pooling::attention);
  EXPECT_THAT(count_names(config), ElementsAre("i2t_accuracy", "t2i_accuracy", "class_accuracy"));
  EXPECT_THAT(scalar_names(config), ElementsAre("logit_scale"));
  EXPECT_THAT(count_names(accord::testing::tiny_model_config()),
              ElementsAre("i2t_accuracy", "t2i_accuracy"));
}

// Each term's counts begin behind those of the terms before it.
TEST(Objectives, AddUpTheirFiguresSideBySide) {
  ModelConfig config = accord::testing::tiny_finetune_config(1, Pooling::attention);
  std::swap(config.objectives[0], config.objectives[1]);
  EXPECT_THAT(count_names(config), ElementsAre("class_accuracy", "i2t_accuracy", "t2i_accuracy"));
  std::vector<Term> const terms = terms_of(config, objective_family("contrast"));
  ASSERT_EQ(terms.size(), 1u);
  EXPECT_EQ(terms[0].index, 1);
  EXPECT_EQ(terms[0].first_count, 1);
}

TEST(Objectives, PutTheKindBeforeTheNameOfAScalarThatTwoKindsHave) {
  ModelConfig config = accord::testing::tiny_model_config();
  config.objectives[0].kind = "sigmoid_contrast";
  EXPECT_THAT(scalar_names(config), ElementsAre("logit_scale", "logit_bias"));
  EXPECT_FALSE(has(config, "logit_scale"));
  EXPECT_TRUE(has(config, "sigmoid_contrast.logit_scale"));
  EXPECT_TRUE(has(config, "sigmoid_contrast.logit_bias"));
  config.objectives.push_back(accord::testing::tiny_model_config().objectives[0]);
  EXPECT_THAT(scalar_names(config),
              ElementsAre("logit_scale", "sigmoid_contrast_logit_scale", "logit_bias"));
}

// As the official models do: one without a head of its own embeds, and learns a temperature.
TEST(Objectives, DecideWhichPartsAModelHas) {
  ModelConfig const classifies = with_only("classify");
  EXPECT_FALSE(embeds(classifies));
  EXPECT_FALSE(has(classifies, "logit_scale"));
  EXPECT_FALSE(has(classifies, "text_proj.weight"));
  EXPECT_TRUE(has(classifies, "classify_head.classifier.0.weight"));
  EXPECT_THAT(scalar_names(classifies), IsEmpty());

  ModelConfig denoises = accord::testing::tiny_model_config(1);
  denoises.objectives.erase(denoises.objectives.begin());
  EXPECT_TRUE(has(denoises, "logit_scale"));
  EXPECT_TRUE(has(denoises, "text_proj.weight"));
  EXPECT_TRUE(has(denoises, "text_mask_token"));
  EXPECT_FALSE(has(with_only("contrast"), "text_mask_token"));

  ModelConfig neither = with_only("contrast");
  neither.objectives.clear();
  EXPECT_TRUE(has(neither, "logit_scale"));
}
