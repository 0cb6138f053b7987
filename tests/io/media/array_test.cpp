#include "io/media/array.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.hpp"
#include "tests/io/media/arrays.hpp"

namespace accord::io {
namespace {

using accord::testing::bytes_of;
using accord::testing::npy;
using accord::testing::npy_file;
using accord::testing::npy_header;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Array decode(std::string const& file) { return decode_array(std::as_bytes(std::span(file))); }

std::string refusal(std::string const& file) {
  try {
    decode(file);
  } catch (DataError const& error) {
    return error.what();
  }
  return "no error";
}

std::string big_endian(std::string bytes, std::size_t size) {
  for (std::size_t i = 0; i < bytes.size(); i += size)
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + size));
  return bytes;
}

/// -3 and 7 (3 and 7 without sign) of one type, in both byte orders and all formats of file.
template <class T>
void expect_read(std::string const& code, std::string const& name) {
  std::vector<T> const values{std::is_signed_v<T> ? static_cast<T>(-3) : static_cast<T>(3), 7};
  std::string const bytes = bytes_of(values);
  float const first = std::is_signed_v<T> ? -3 : 3;
  for (int const version : {1, 2, 3})
    for (std::string const order : {"<", ">", "="}) {
      std::string const file =
          npy_file(npy_header(order + code, "2,"),
                   order == ">" ? big_endian(bytes, sizeof(T)) : bytes, version);
      EXPECT_THAT(decode(file).values, ElementsAre(first, 7)) << order << code;
      ArrayShape const shape = array_shape(std::as_bytes(std::span(file)));
      EXPECT_EQ(shape.element, name);
      EXPECT_THAT(shape.shape, ElementsAre(2));
    }
}

TEST(ArrayFile, ReadsEveryTypeInBothByteOrders) {
  expect_read<std::int8_t>("i1", "int8");
  expect_read<std::uint8_t>("u1", "uint8");
  expect_read<std::int16_t>("i2", "int16");
  expect_read<std::uint16_t>("u2", "uint16");
  expect_read<std::int32_t>("i4", "int32");
  expect_read<std::uint32_t>("u4", "uint32");
  expect_read<std::int64_t>("i8", "int64");
  expect_read<std::uint64_t>("u8", "uint64");
  expect_read<float>("f4", "float32");
  expect_read<double>("f8", "float64");
  EXPECT_THAT(decode(npy_file(npy_header("|b1", "3,"), std::string("\1\0\1", 3))).values,
              ElementsAre(1, 0, 1));
}

TEST(ArrayFile, ReadsHalfPrecision) {
  // one, its successor, minus two, the smallest number, the smallest normal one, the largest
  std::vector<std::uint16_t> const bits{0x3C00, 0x3C01, 0xC000, 0x0001, 0x0400, 0x7BFF};
  std::string const file = npy_file(npy_header("<f2", "6,"), bytes_of(bits));
  EXPECT_THAT(decode(file).values,
              ElementsAre(1.0F, 1.0F + 0x1p-10F, -2.0F, 0x1p-24F, 0x1p-14F, 65504.0F));
  std::vector<std::uint16_t> const infinite{0xFC00}, no_number{0x7E01};
  EXPECT_THAT(refusal(npy_file(npy_header("<f2", "1,"), bytes_of(infinite))), HasSubstr("-inf"));
  EXPECT_THAT(refusal(npy_file(npy_header("<f2", "1,"), bytes_of(no_number))), HasSubstr("nan"));
}

TEST(ArrayFile, TurnsFortranOrderIntoC) {
  // element (i, j, k) = 100 i + 10 j + k of 2 x 3 x 2, first index fastest
  std::vector<float> fortran;
  for (int k = 0; k < 2; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) fortran.push_back(static_cast<float>(100 * i + 10 * j + k));
  Array const array = decode(npy_file(npy_header("<f4", "2, 3, 2", "True"), bytes_of(fortran)));
  EXPECT_THAT(array.shape, ElementsAre(2, 3, 2));
  EXPECT_THAT(array.values, ElementsAre(0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121));
}

TEST(ArrayFile, TakesAnyOrderAndSpacingOfTheHeader) {
  for (std::string const header :
       {"{\"shape\":(1,2),\"descr\":\"<f4\",\"fortran_order\":False}",
        "  { 'fortran_order' : False , 'shape' : ( 1 , 2 , ) , 'descr' : '<f4' , } "})
    EXPECT_THAT(decode(npy_file(header, bytes_of<float>({5, 6}))).shape, ElementsAre(1, 2))
        << header;
  EXPECT_TRUE(decode(npy("", {5})).shape.empty());                      // a number by itself
  EXPECT_THAT(decode(npy("1L, 2L", {5, 6})).shape, ElementsAre(1, 2));  // of Python 2
}

TEST(ArrayFile, RefusesWhatIsNoHeader) {
  std::string const data = bytes_of<float>({5, 6});
  for (std::string const header :
       {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2LL,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} + 1",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)"})
    EXPECT_THAT(refusal(npy_file(header, data)), HasSubstr("its header should be like")) << header;
}

TEST(ArrayFile, RefusesOtherTypes) {
  std::string const data(16, '\0');
  for (std::string const type : {"<c8", "<U4", "|S8", "|O", "<M8[s]", "f3", "<", ""})
    EXPECT_THAT(refusal(npy_file(npy_header(type, "2,"), data)),
                HasSubstr(fmt::format("elements \"{}\"; bool,", type)));
  EXPECT_THAT(refusal(npy_file(npy_header("<f\x1B[31m\n\xFF", "2,"), data)),
              HasSubstr("elements \"<f\\x1b[31m\\n\\xff\"; bool,"));
  EXPECT_THAT(
      refusal(npy_file("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,)}", data)),
      HasSubstr("records"));
}

TEST(ArrayFile, RefusesAnotherNumberOfBytesThanItsShapeNeeds) {
  std::string const file = npy("2, 3", {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(decode(file).values.size(), 6u);
  EXPECT_THAT(refusal(file + "x"), HasSubstr("25 bytes of values, where 2 x 3 of float32 take 24"));
  for (std::size_t length = 0; length < file.size(); ++length)
    EXPECT_NE(refusal(file.substr(0, length)), "no error") << length;
}

TEST(ArrayFile, RefusesSizesBeforeItTakesMemory) {
  EXPECT_THAT(refusal(npy_file(npy_header("<f4", "9223372036854775807, 9223372036854775807"), "")),
              HasSubstr("elements are accepted: cut it into pieces"));
  EXPECT_THAT(refusal(npy_file(npy_header("<f8", "4096, 4096, 5"), "")),
              HasSubstr("cut it into pieces"));
  EXPECT_THAT(refusal(npy_file(npy_header("<f4", "1, 1, 1, 1, 1, 1, 1, 1, 1"), "1234")),
              HasSubstr("9 dimensions; up to 8"));
  EXPECT_THAT(refusal(npy_file(npy_header("<f4", "0, 3"), "")), HasSubstr("0 x 3: without"));
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "1,";
  EXPECT_THAT(refusal(npy_file(npy_header("<f4", many), "1234", 2)),
              HasSubstr("its header should be like"));
}

TEST(ArrayFile, RefusesNumbersThatAreNotFinite) {
  float const infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(npy("3,", {1, -infinity, 2})), HasSubstr("element 1 is -inf"));
  EXPECT_THAT(refusal(npy("3,", {1, 2, NAN})), HasSubstr("element 2 is nan"));
  EXPECT_THAT(refusal(npy_file(npy_header("<f8", "1,"), bytes_of<double>({1e300}))),
              HasSubstr("inf in float32"));
}

TEST(ArrayFile, RefusesOtherFiles) {
  EXPECT_THAT(refusal("1.0, 2.0, 3.0"), HasSubstr("13 bytes of another kind"));
  EXPECT_THAT(refusal(npy_file(npy_header("<f4", "1,"), "1234", 4)), HasSubstr("format 4"));
}

}  // namespace
}  // namespace accord::io
