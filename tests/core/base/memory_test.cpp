#include "core/base/memory.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "core/base/error.hpp"

namespace accord {
namespace {

TEST(Memory, CountsByOwnerWhatIsHeldAndWhatWasHeldWhenMostWas) {
  Memory memory;
  void* weights = nullptr;
  void* activations = nullptr;
  {
    Memory::Owner const owner(memory, "weights");
    weights = memory.allocate(1024);
    Memory::Owner const nested(memory, "activations");
    activations = memory.allocate(4096);
  }
  memory.release(activations, 4096);
  auto const holdings = memory.holdings();
  ASSERT_EQ(holdings.size(), 3u);
  EXPECT_EQ(holdings[1].owner, "weights");
  EXPECT_EQ(holdings[1].bytes, 1024u);
  EXPECT_EQ(holdings[2].bytes, 0u);
  EXPECT_EQ(holdings[2].at_high_water, 4096u);
  EXPECT_EQ(memory.high_water(), 5120u);
  void* other = memory.allocate(64);  // the scopes have ended
  EXPECT_EQ(memory.holdings()[0].bytes, 64u);
  memory.release(other, 64);
  memory.release(weights, 1024);
  EXPECT_EQ(memory.bytes_in_use(), 0u);
}

TEST(Memory, SaysWhoAskedForTooMuchAndWhoHoldsWhat) {
  Memory memory;
  memory.set_advice("gradients need less on more ranks");
  Memory::Owner const owner(memory, "gradients");
  void* held = memory.allocate(20 << 20);
  try {
    memory.allocate(std::size_t{1} << 60);
    FAIL() << "that much memory is there";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("asked for by gradients"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("gradients 0.02 GB"));
    EXPECT_THAT(error.what(), ::testing::EndsWith("; gradients need less on more ranks"));
  }
  memory.release(held, 20 << 20);
}

TEST(Memory, HandsOutExactSizesWhenNothingIsReused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process of its own
  auto const allocated = [](char const* reuse) {
    setenv("ACCORD_MEMORY_REUSE", reuse, 1);
    Memory memory;
    void* const block = memory.allocate(100);
    auto const bytes = memory.bytes_in_use();
    memory.release(block, 100);
    return static_cast<int>(bytes);
  };
  EXPECT_EXIT(std::exit(allocated("1")), ::testing::ExitedWithCode(128), "");
  EXPECT_EXIT(std::exit(allocated("0")), ::testing::ExitedWithCode(100), "");
}

}  // namespace
}  // namespace accord
