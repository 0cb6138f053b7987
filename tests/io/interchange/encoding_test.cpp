#include "io/interchange/encoding.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

using namespace accord;
using io::Encoding;

namespace {

std::byte const* bytes_of(auto const& value) { return reinterpret_cast<std::byte const*>(&value); }

float widened(Encoding from, std::uint16_t bits) {
  float value;
  io::widen(from, bytes_of(bits), 1, reinterpret_cast<std::byte*>(&value));
  return value;
}

template <class From>
std::uint16_t narrowed(From value, Encoding to, Index* beyond = nullptr) {
  std::uint16_t bits;
  Index const count =
      io::narrow(dtype_of<From>, bytes_of(value), 1, to, reinterpret_cast<std::byte*>(&bits));
  if (beyond) *beyond = count;
  return bits;
}

}  // namespace

TEST(Encoding, HalfPrecisionIsReadAsTheStandardSays) {
  Encoding const half = Encoding::float16;
  EXPECT_EQ(widened(half, 0x3c00), 1.0f);
  EXPECT_EQ(widened(half, 0xc000), -2.0f);
  EXPECT_EQ(widened(half, 0x7bff), 65504.0f);
  EXPECT_EQ(widened(half, 0x0400), 0x1p-14f);
  EXPECT_EQ(widened(half, 0x0001), 0x1p-24f);
  EXPECT_EQ(widened(half, 0x83ff), -1023 * 0x1p-24f);
  EXPECT_EQ(widened(half, 0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::signbit(widened(half, 0x8000)));
  EXPECT_EQ(widened(Encoding::bfloat16, 0x3f80), 1.0f);
  EXPECT_EQ(widened(Encoding::bfloat16, 0x4049), 3.140625f);
  EXPECT_EQ(widened(Encoding::bfloat16, 0x0001), 0x1p-133f);
}

TEST(Encoding, EveryPatternOfBothHalvesComesBack) {
  for (Encoding const encoding : {Encoding::float16, Encoding::bfloat16})
    for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
      auto const half = static_cast<std::uint16_t>(bits);
      float const value = widened(encoding, half);
      ASSERT_EQ(narrowed(value, encoding), half) << bits;
      if (std::isnan(value)) continue;
      ASSERT_EQ(narrowed(double{value}, encoding), half) << bits;
    }
}

TEST(Encoding, NarrowingTakesTheNearestAndTheEvenOfTwo) {
  for (Encoding const encoding : {Encoding::float16, Encoding::bfloat16}) {
    std::uint16_t const infinity = encoding == Encoding::float16 ? 0x7c00 : 0x7f80;
    for (std::uint16_t bits = 0; bits + 1 < infinity; ++bits) {
      double const low = widened(encoding, bits);
      double const high = widened(encoding, static_cast<std::uint16_t>(bits + 1));
      double const middle = (low + high) / 2;
      auto const even = static_cast<std::uint16_t>(bits + bits % 2);
      ASSERT_EQ(narrowed(middle, encoding), even) << bits;
      ASSERT_EQ(narrowed(std::nextafter(middle, low), encoding), bits) << bits;
      ASSERT_EQ(narrowed(std::nextafter(middle, high), encoding), bits + 1) << bits;
      if (double{static_cast<float>(middle)} != middle) continue;
      ASSERT_EQ(narrowed(static_cast<float>(-middle), encoding), 0x8000 | even) << bits;
    }
  }
}

// 1 + 2^-8 + 2^-40 is above the middle of two bfloat16, but its float32 is the middle.
TEST(Encoding, ADoubleIsRoundedOnce) {
  EXPECT_EQ(narrowed(1 + 0x1p-8 + 0x1p-40, Encoding::bfloat16), 0x3f81);
  EXPECT_EQ(narrowed(1 + 0x1p-8, Encoding::bfloat16), 0x3f80);
}

TEST(Encoding, WhatLiesBeyondTheRangeIsCounted) {
  Index beyond = 0;
  EXPECT_EQ(narrowed(65519.0f, Encoding::float16, &beyond), 0x7bff);
  EXPECT_EQ(beyond, 0);
  EXPECT_EQ(narrowed(-65520.0f, Encoding::float16, &beyond), 0xfc00);
  EXPECT_EQ(beyond, 1);
  EXPECT_EQ(narrowed(std::numeric_limits<float>::infinity(), Encoding::float16, &beyond), 0x7c00);
  EXPECT_EQ(beyond, 0);
  EXPECT_EQ(narrowed(std::numeric_limits<float>::max(), Encoding::bfloat16, &beyond), 0x7f80);
  EXPECT_EQ(beyond, 1);
  double const large = 1e300;
  float single = 0;
  EXPECT_EQ(io::narrow(DType::float64, bytes_of(large), 1, Encoding::float32,
                       reinterpret_cast<std::byte*>(&single)),
            1);
}

TEST(Encoding, DoublesAndFloatsTravelUnchangedInTheirOwnEncoding) {
  double const number = 1.0 / 3;
  double copy = 0, back = 0;
  io::narrow(DType::float64, bytes_of(number), 1, Encoding::float64,
             reinterpret_cast<std::byte*>(&copy));
  io::widen(Encoding::float64, bytes_of(copy), 1, reinterpret_cast<std::byte*>(&back));
  EXPECT_EQ(back, number);
  EXPECT_EQ(io::exact_dtype(Encoding::float64), DType::float64);
  EXPECT_EQ(io::exact_dtype(Encoding::float16), DType::float32);
}
