#include "io/file/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace accord::io {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (DataError const& error) {
    return error.what();
  }
  return "no DataError";
}

TEST(Json, BracketsThatAreTooDeepAreRefused) {
  for (std::string const bracket : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += bracket;
    EXPECT_THAT(message_of([&] { parse_json(deep); }), HasSubstr("too deep"));
    EXPECT_TRUE(try_parse_json(deep).is_discarded());
  }
  EXPECT_EQ(parse_json("{\"a\": [\"[[[{{{\\\"[[\", 1]}").at("a").at(1), 1);
  EXPECT_TRUE(is_shallow_json("\"" + std::string(1000, '[') + "\""));
}

TEST(Json, WhatIsWrongWithATextIsSaidWithoutIt) {
  EXPECT_EQ(message_of([] { parse_json("{\"a\": \x1b[2J}"); }), "not valid JSON at byte 7");
  auto const number = [](nlohmann::json const& json) { return json.at("n").get<int>(); };
  EXPECT_EQ(read_json("{\"n\": 3}", "file", number), 3);
  for (std::string const text : {"{\"n\": \"x\"}", "{}", "[", "7"})
    EXPECT_THAT(message_of([&] { read_json(text, "file", number); }), HasSubstr("file: "));
}

}  // namespace
}  // namespace accord::io
