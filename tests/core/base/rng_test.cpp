#include "core/base/rng.hpp"

#include <gtest/gtest.h>

using namespace accord;

// Known answers of Philox4x32-10 published with the Random123 library (kat_vectors).
TEST(Philox, GivesThePublishedAnswers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Draws, ChangeWithEveryCoordinateOfTheCounter) {
  Draws const draws(1, Purpose::drop);
  std::uint32_t const base = draws.word(5, 6, 7);
  EXPECT_EQ(base, draws.word(5, 6, 7));
  EXPECT_NE(base, draws.word(4, 6, 7));
  EXPECT_NE(base, draws.word(5 + (1ull << 32), 6, 7));
  EXPECT_NE(base, draws.word(5, 7, 7));
  EXPECT_NE(base, draws.word(5, 6, 8));
  EXPECT_NE(base, Draws(2, Purpose::drop).word(5, 6, 7));
  EXPECT_NE(base, Draws(1, Purpose::mask).word(5, 6, 7));
}
