#include "core/nn/parameter_scope.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.hpp"

namespace accord {
namespace {

TEST(ParameterScope, AFusedGroupIsFrozenAsAWhole) {
  ParameterScope::Member const q{"q.weight", {2, 2}, linear_init(2)};
  ParameterScope::Member const k{"k.weight", {2, 2}, linear_init(2)};
  ParameterStore store;
  ParameterScope::Rules const both{{"layer."}, {}};
  int const first = (ParameterScope(store, both) / "layer").add({q, k});
  EXPECT_FALSE(store.spec(first).trainable);
  EXPECT_FALSE(store.spec(first + 1).trainable);

  ParameterStore other;
  ParameterScope::Rules const one{{"layer.k"}, {}};
  try {
    (ParameterScope(other, one) / "layer").add({q, k});
    FAIL();
  } catch (UsageError const& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("layer.q.weight and layer.k.weight"));
  }
}

TEST(ParameterScope, AStarInAPrefixStandsForOnePartOfTheName) {
  EXPECT_TRUE(begins_with("layers.3.text_ffn.0", "layers.*.text_ffn."));
  EXPECT_TRUE(begins_with("layers.37.gamma_1", "layers.*.gamma_"));
  EXPECT_FALSE(begins_with("layers.3.audio_ffn.0", "layers.*.text_ffn."));
  EXPECT_FALSE(begins_with("layers.3.4.text_ffn.0", "layers.*.text_ffn."));
  EXPECT_FALSE(begins_with("layers", "layers.*.text_ffn."));
  EXPECT_TRUE(begins_with("layers.3", "layers.*"));
  EXPECT_TRUE(begins_with("layers.3", ""));
  EXPECT_FALSE(begins_with("layers.3", "layers.30"));
}

}  // namespace
}  // namespace accord
