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
  io::BitConditions const now = bit_conditions(queue, {.data = 2, .pipeline = 1, .tensor = 4});
  EXPECT_EQ(now.program, binary_hash());
  EXPECT_EQ(now.device, "cpu");
  EXPECT_EQ(now.layout, (io::RunLayout{2, 1, 4}));
  EXPECT_GT(now.threads, 0);
}

TEST(BitConditions, ThatChangedAreNamed) {
  io::BitConditions const saved{.device = "cpu", .threads = 4, .layout = {1, 1, 2}};
  io::BitConditions now = saved;
  EXPECT_THAT(changed_conditions(saved, now), IsEmpty());
  now.program = "not known of the saved one";
  now.threads = 8;
  now.layout.tensor = 4;
  EXPECT_THAT(changed_conditions(saved, now),
              ElementsAre("layout was 'data 1 x pipeline 1 x tensor 2', is 'data 1 x pipeline 1 x "
                          "tensor 4'",
                          "threads was '4', is '8'"));
}

}  // namespace
}  // namespace accord::app
