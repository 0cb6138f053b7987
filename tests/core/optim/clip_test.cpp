#include "core/optim/clip.hpp"

#include <gtest/gtest.h>

namespace accord {
namespace {

TEST(ClipCoefficient, IsThatOfTheSpecification) {  // docs/model.md 4.5
  EXPECT_EQ(clip_coefficient(3, 2), 1);
  EXPECT_DOUBLE_EQ(clip_coefficient(3, 6), 3 / (6 + 1e-6));
  EXPECT_EQ(clip_coefficient(0, 1e9), 1);
}

}  // namespace
}  // namespace accord
