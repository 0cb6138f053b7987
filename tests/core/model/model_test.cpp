#include "core/model/model.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/tiny_model.hpp"

namespace accord {
namespace {

bool has_decoder(ModelConfig const& config) {
  auto const parameters = Model::describe(config);
  return std::any_of(parameters.begin(), parameters.end(), [](ParameterSpec const& parameter) {
    return parameter.name.starts_with("decoder_wrapper.");
  });
}

TEST(Model, HasADecoderOnlyToDenoise) {
  ModelConfig config = testing::tiny_model_config();
  EXPECT_TRUE(has_decoder(config));
  config.objectives.resize(1);  // the contrast
  EXPECT_FALSE(has_decoder(config));
}

}  // namespace
}  // namespace accord
