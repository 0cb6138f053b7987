#include "io/file/hash.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/base/error.hpp"

using namespace accord;
using namespace accord::io;

TEST(Hash128, GivesTheFixedAnswerForNoBytes) {
  // xxhsum -H2 /dev/null
  EXPECT_EQ(to_hex(hash128({})), "99aa06d3014798d86001c324468d497f");
}

TEST(Hash128, OfPartsEqualsThatOfTheWhole) {
  std::string text(10000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i % 251);
  std::span<std::byte const> const bytes = std::as_bytes(std::span(text));
  for (std::size_t cut : {0, 1, 255, 256, 257, 4096, 9999, 10000}) {
    Hasher128 hasher;
    hasher.update(bytes.first(cut));
    hasher.update(bytes.subspan(cut));
    EXPECT_EQ(hasher.digest(), hash128(bytes)) << cut;
  }
}

TEST(Hash128, ReadsOnlyWhatItWrites) {
  Hash128 const hash{0x0123456789abcdef, 0xf};
  EXPECT_EQ(to_hex(hash), "0123456789abcdef000000000000000f");
  EXPECT_EQ(hash128_from_hex(to_hex(hash)), hash);
  EXPECT_THROW(hash128_from_hex("0123456789ABCDEF000000000000000f"), DataError);
  EXPECT_THROW(hash128_from_hex("0123456789abcdef00000000000000f"), DataError);
  EXPECT_THROW(hash128_from_hex("0123456789abcdef00000000000000fg"), DataError);
}
