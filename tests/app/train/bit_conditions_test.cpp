#include "app/train/bit_conditions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/cli/build_info.hpp"

namespace accord::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(BitConditions, AreWhatTheLastBitsDependOn) {
  Queue const queue(Backend::cpu);
  auto const now = bit_conditions(queue, {.data = 2, .pipeline = 1, .tensor = 4});
  EXPECT_EQ(now.at("program"), binary_hash());
  EXPECT_EQ(now.at("device"), "cpu");
  EXPECT_EQ(now.at("layout"), "data 2 x pipeline 1 x tensor 4");
  EXPECT_TRUE(now.contains("threads") && now.contains("processor"));
}

TEST(BitConditions, ThatChangedAreNamed) {
  std::map<std::string, std::string> const saved{
      {"threads", "4"}, {"device", "cpu"}, {"skipped_samples", "0"}};
  EXPECT_THAT(changed_conditions(saved, {{"threads", "4"}, {"device", "cpu"}}), IsEmpty());
  EXPECT_THAT(changed_conditions(saved, {{"threads", "8"}, {"device", "cpu"}, {"layout", "new"}}),
              ElementsAre("threads was '4', is '8'"));
}

}  // namespace
}  // namespace accord::app
