#include "io/text/json_object.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.hpp"

namespace accord::io {
namespace {

using Kind = JsonValue::Kind;

std::string error(std::string const& text) {
  try {
    parse_json_object(text);
  } catch (DataError const& error) {
    return error.what();
  }
  return "no error";
}

std::string text(std::string const& quoted) {
  return parse_json_object("{\"x\": " + quoted + "}").at("x").text;
}

TEST(JsonObject, KeepsKindsAndTheTextOfNumbers) {
  auto const fields = parse_json_object(
      R"( {"a": "x", "b": -1.50e+3, "c": true, "d": null, "e": NaN, "f": -Infinity, "g": [],
           "h": {"a": [1, {"b": {}}], "c": "}"}, "i": ["x", 2, null, [3, [4]], {}], "a": "y"} )");
  EXPECT_EQ(fields.size(), 9u);
  EXPECT_EQ(fields.at("a").text, "y");
  EXPECT_EQ(fields.at("b").text, "-1.50e+3");
  EXPECT_EQ(fields.at("c").text, "true");
  EXPECT_EQ(fields.at("d").kind, Kind::null);
  EXPECT_EQ(fields.at("e").kind, Kind::null);
  EXPECT_EQ(fields.at("f").text, "-Infinity");
  EXPECT_EQ(fields.at("g").kind, Kind::list);
  EXPECT_EQ(fields.at("h").kind, Kind::object);
  std::vector<Kind> kinds;
  for (JsonValue const& value : fields.at("i").list) kinds.push_back(value.kind);
  EXPECT_THAT(kinds, ::testing::ElementsAre(Kind::text, Kind::number, Kind::null, Kind::list,
                                            Kind::object));
}

TEST(JsonObject, UnfoldsEscapes) {
  EXPECT_EQ(text(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(text(R"("\u00e9\u20AC\ud83d\ude00")"), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  std::string const mark = "\xEF\xBF\xBD";
  EXPECT_EQ(text(R"("\ud83d")"), mark);
  EXPECT_EQ(text(R"("\ude00x")"), mark + "x");
  EXPECT_EQ(text(R"("\ud83d\u0041")"), mark + "A");
  EXPECT_EQ(text(R"("\ud83d\ud83d\ude00")"), mark + "\xF0\x9F\x98\x80");
  EXPECT_EQ(text(R"("\ud83d\n")"), mark + "\n");
  EXPECT_EQ(text("\"caf\xE9\""), "caf\xE9");  // whoever uses it judges that
}

TEST(JsonObject, SaysWhatWasExpectedWhere) {
  EXPECT_EQ(error(R"({"a": )"), "it ends at byte 6, where a value was expected");
  EXPECT_EQ(error(R"({"a": "x)"), "it ends at byte 8, where the end of a text was expected");
  EXPECT_EQ(error(R"({"a" 1})"), "':' was expected at byte 5");
  EXPECT_EQ(error(R"([1])"), "an object was expected at byte 0");
  EXPECT_EQ(error(R"({} x)"), "the end was expected at byte 3");
  for (char const* damaged :
       {"", "{", "{\"a\": 1,}", "{\"a\": [1,]}", "{\"a\": [1}", "{\"a\": {\"b\": [1}}", "{a: 1}",
        "{\"a\": tru}", "{\"a\": 01}", "{\"a\": 1.}", "{\"a\": \"\\x\"}", "{\"a\": \"\\u12g4\"}",
        "{\"a\": \"\n\"}", "{\"a\": {\"b\" [}}", "{\"a\": [[1,]]}"})
    EXPECT_NE(error(damaged), "no error") << damaged;
}

TEST(JsonObject, TakesAnyDepth) {
  std::string deep;
  for (int i = 0; i < 200000; ++i) deep += "[{\"a\":";
  std::string const open = "{\"x\": " + deep;
  for (int i = 0; i < 200000; ++i) deep += i == 0 ? "1}]" : "}]";
  EXPECT_EQ(parse_json_object("{\"x\": " + deep + "}").at("x").kind, Kind::list);
  EXPECT_THAT(error(open), ::testing::HasSubstr("it ends at byte"));
}

}  // namespace
}  // namespace accord::io
