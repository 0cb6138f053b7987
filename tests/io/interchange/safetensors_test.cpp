#include "io/interchange/safetensors.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/base/error.hpp"
#include "io/interchange/tensor_file.hpp"
#include "tests/io/interchange/handmade.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;
using io::Encoding;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

namespace {

class Safetensors : public TemporaryFolder {
 protected:
  fs::path path() const { return folder_ / "m.safetensors"; }
  io::TensorFile open(std::string const& content) {
    write_file(path(), content);
    return io::TensorFile::open(path());
  }
  void expect_refused(std::string const& content, std::string const& part) {
    try {
      open(content);
      ADD_FAILURE() << "accepted: " << part;
    } catch (DataError const& error) {
      EXPECT_THAT(error.what(), HasSubstr("m.safetensors"));
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
};

std::string entry(std::string const& name, std::string const& dtype, std::string const& shape,
                  std::uint64_t begin, std::uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

std::string const values = raw(std::vector<float>{1, 2, 3, 4, 5, 6});

}  // namespace

TEST_F(Safetensors, ReadsWhatOthersWrite) {
  // Not in the order of the bytes, with blanks behind the header and a note.
  io::TensorFile const file = open(handmade_safetensors(
      "{\"__metadata__\":{\"format\":\"pt\"}," + entry("b", "F32", "[2,2]", 8, 24) + "," +
          entry("a", "F32", "[2]", 0, 8) + "," + entry("none", "F32", "[0]", 8, 8) + "}   ",
      values));
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.tensors()[2].name, "b");
  EXPECT_EQ(file.tensors()[2].shape, (Shape{2, 2}));
  float read[2];
  file.read(file.tensors()[2], 1, 2, reinterpret_cast<std::byte*>(read));
  EXPECT_EQ(read[0], 4);
  EXPECT_EQ(read[1], 5);
}

TEST_F(Safetensors, WhatItWritesIsTheFormatToTheByte) {
  std::vector<io::FileTensor> const tensors = {{"half", Encoding::float16, Shape{3}},
                                               {"scalar", Encoding::float32, Shape{}}};
  io::write_safetensors(path(), tensors, {{"format", "pt"}},
                        [](std::size_t tensor, Index, std::span<std::byte> out) {
                          std::memset(out.data(), static_cast<int>(tensor + 1), out.size());
                        });
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," +
                       entry("scalar", "F32", "[]", 0, 4) + "," +
                       entry("half", "F16", "[3]", 4, 10) + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(io::read_file(path()),
            handmade_safetensors(header, std::string(4, '\2') + std::string(6, '\1')));
  EXPECT_FALSE(fs::exists(path().string() + ".tmp"));
}

TEST_F(Safetensors, AFailureLeavesNothingBehindAndTheOldFileAsItWas) {
  write_file(path(), "old");
  EXPECT_THROW(io::write_safetensors(path(), {{"a", Encoding::float32, Shape{3}}}, {},
                                     [](std::size_t, Index, std::span<std::byte>) {
                                       throw DataError("the source is damaged");
                                     }),
               DataError);
  EXPECT_EQ(io::read_file(path()), "old");
  EXPECT_FALSE(fs::exists(path().string() + ".tmp"));
}

TEST_F(Safetensors, LargeTensorsAreAskedForPieceByPiece) {
  Index const elements = (5 << 20) + 3;
  Index next = 0, calls = 0;
  io::write_safetensors(path(), {{"a", Encoding::float16, Shape{elements}}}, {},
                        [&](std::size_t, Index begin, std::span<std::byte> out) {
                          EXPECT_EQ(begin, next);
                          next = begin + static_cast<Index>(out.size() / 2);
                          ++calls;
                        });
  EXPECT_EQ(next, elements);
  EXPECT_EQ(calls, 3);
}

TEST_F(Safetensors, RangesThatContradictEachOtherAreRefused) {
  auto const two = [&](std::string const& a, std::string const& b) {
    return handmade_safetensors("{" + a + "," + b + "}", values);
  };
  expect_refused(two(entry("a", "F32", "[4]", 0, 16), entry("b", "F32", "[4]", 8, 24)),
                 "b overlaps the tensor before it");
  expect_refused(two(entry("a", "F32", "[2]", 0, 8), entry("b", "F32", "[2]", 16, 24)),
                 "8 bytes before b belong to no tensor");
  expect_refused(two(entry("a", "F32", "[2]", 0, 8), entry("b", "F32", "[2]", 8, 16)),
                 "8 bytes at its end belong to no tensor");
  expect_refused(two(entry("a", "F32", "[2]", 0, 8), entry("a", "F32", "[4]", 8, 24)),
                 "a is there twice");
  auto const one = [&](std::string const& a) {
    return handmade_safetensors("{" + a + "}", values);
  };
  expect_refused(one(entry("a", "F32", "[7]", 0, 28)), "a: bytes [0, 28) lie beyond the 24");
  expect_refused(one(entry("a", "F32", "[1]", 1ull << 62, (1ull << 62) + 4)), "lie beyond");
  expect_refused(one(entry("a", "F32", "[6]", 24, 0)), "data_offsets are no range");
  expect_refused(one(entry("a", "F64", "[6]", 0, 24)), "24 bytes for shape [6] of float64");
  expect_refused(one(entry("a", "F32", "[4294967296,4294967296]", 0, 24)), "a dimension of");
  expect_refused(one(entry("a", "F32", "[-6]", 0, 24)), "a dimension of -6");
}

TEST_F(Safetensors, TensorsOfAnotherKindAreThereAndUnreadable) {
  for (char const* dtype : {"U64", "U32", "U16", "F8_E4M3", "F8_E5M2", "C64", "F4", "new"}) {
    io::TensorFile const file = open(handmade_safetensors(
        "{" + entry("a", dtype, "[3]", 0, 20) + "," + entry("b", "F32", "[1]", 20, 24) + "}",
        values));
    ASSERT_EQ(file.tensors().size(), 2u);
    EXPECT_EQ(file.tensors()[0].unreadable, std::string("dtype ") + dtype);
    EXPECT_EQ(file.read_numbers(file.tensors()[1]), (std::vector<double>{6}));
    std::byte byte;
    EXPECT_THROW(file.read(file.tensors()[0], 0, 0, &byte), DataError);
  }
  io::TensorFile const deep =
      open(handmade_safetensors("{" + entry("a", "F32", "[1,1,1,1,6]", 0, 24) + "}", values));
  EXPECT_THAT(deep.tensors()[0].unreadable, HasSubstr("5 dimensions"));
  expect_refused(handmade_safetensors("{" + entry("a", "U64", "[3]", 0, 32) + "}", values),
                 "lie beyond the 24");
}

TEST_F(Safetensors, FieldsOfOtherKindsAreRefusedByTheNameOfTheTensor) {
  auto const refuse = [&](std::string const& fields, std::string const& part) {
    expect_refused(
        handmade_safetensors("{\"__metadata__\":{\"a\":\"b\"},\"w\":{" + fields + "}}", ""), part);
  };
  refuse("\"dtype\":\"F32\",\"shape\":[0]", "w: dtype, shape and data_offsets are expected");
  refuse("\"dtype\":3", "w: a field of another kind");
  refuse("\"shape\":\"x\"", "w: a field of another kind");
  refuse("\"shape\":[\"x\"]", "w: a field of another kind");
  refuse("\"shape\":[1.5]", "w: a number of 1.5");
  refuse("\"shape\":[18446744073709551615]", "w: a number of 18446744073709551615");
  refuse("\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0]", "w: data_offsets are no range");
  refuse("\"shape\":{\"x\":1}", "w: a field of another kind");
}

TEST_F(Safetensors, HeadersOfManyTensorsAreReadInOnePass) {
  constexpr int count = 100'000;  // with a search per name: minutes
  std::vector<io::FileTensor> many;
  for (int i = 0; i < count; ++i)
    many.push_back({fmt::format("t{}", i), Encoding::float32, Shape{0}});
  io::write_safetensors(path(), many, {}, [](std::size_t, Index, std::span<std::byte>) {});
  EXPECT_EQ(io::TensorFile::open(path()).tensors().size(), std::size_t{count});
}

TEST_F(Safetensors, HeadersThatAreNoneAreRefused) {
  expect_refused("", "it has 0 bytes");
  expect_refused("1234567", "it has 7 bytes");
  expect_refused(u64(~std::uint64_t{0}) + "{}", "a header of 18446744073709551615 bytes");
  expect_refused(u64(100) + "{}", "a header of 100 bytes in a file of 10");
  expect_refused(handmade_safetensors("{", ""), "its header is not JSON");
  expect_refused(handmade_safetensors("[]", ""), "its header is not an object");
  expect_refused(handmade_safetensors("{\"a\":3}", ""), "a: ");
  expect_refused(handmade_safetensors("{\"a\":{\"dtype\":\"F32\"}}", ""), "a: ");
  expect_refused(handmade_safetensors("{\"a\":" + std::string(100000, '['), ""), "a: is no object");
  for (char const* before : {"{\"a\":{\"b\":", "{\"__metadata__\":{\"b\":"})
    for (char const* deeper : {"[", "{\"c\":"}) {
      std::string header = before;
      for (int i = 0; i < 50000; ++i) header += deeper;
      expect_refused(handmade_safetensors(header, ""), "nested more deeply than any");
    }
  expect_refused(handmade_safetensors(std::string(100, '\xff'), ""), "not JSON");
}

TEST_F(Safetensors, EveryCutIsRefused) {
  std::string const sound =
      handmade_safetensors("{" + entry("a", "F32", "[6]", 0, 24) + "}", values);
  EXPECT_NO_THROW(open(sound));
  for_each_cut(path(), sound, [&](std::size_t length) {
    EXPECT_THROW(io::TensorFile::open(path()), DataError) << length;
  });
}

TEST_F(Safetensors, EveryBitFlipOfTheHeaderIsRefusedOrTellsAnotherSoundStory) {
  std::string const sound =
      handmade_safetensors("{" + entry("a", "F32", "[6]", 0, 24) + "}", values);
  for_each_bit_flip(path(), sound, sound.size() - values.size(), [&](std::size_t bit) {
    try {
      io::TensorFile const file = io::TensorFile::open(path());
      for (io::FileTensor const& tensor : file.tensors())
        if (tensor.unreadable.empty()) {
          EXPECT_EQ(tensor.offset + tensor.bytes(), sound.size()) << bit;
        }
    } catch (DataError const&) {
    }
  });
}
