// Samples that could be used and are not wanted.

#include "io/dataset/build.hpp"
#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Condition, ComparesNumbersAndTexts) {
  EXPECT_TRUE(Condition("similarity >= 0.28").holds("0.28"));
  EXPECT_FALSE(Condition("similarity >= 0.28").holds("0.2799"));
  EXPECT_TRUE(Condition("a<1e3").holds("-5"));
  EXPECT_TRUE(Condition("a != 2").holds("2.5"));
  EXPECT_TRUE(Condition("a == 2").holds(" 2.0 "));
  EXPECT_TRUE(Condition("a > 1").holds("Infinity"));
  EXPECT_TRUE(Condition("NSFW != \"NSFW\"").holds("UNLIKELY"));
  EXPECT_FALSE(Condition("NSFW != 'NSFW'").holds("NSFW"));
  EXPECT_TRUE(Condition("with blank == \"a < b\"").holds("a < b"));
  EXPECT_EQ(Condition("with blank == \"a < b\"").field(), "with blank");
  for (char const* value : {"x", "", "nan", "1 2"})
    EXPECT_FALSE(Condition("a >= 0").holds(value)) << value;
  EXPECT_FALSE(Condition("a != 'x'").holds(std::nullopt));
}

TEST(Condition, IsRefusedWhereItIsNone) {
  for (char const* text : {"", "a", "a =", "a = 1", "< 1", "a >= ", "a >= b", "a => 1", "a <> 1",
                           "a >= 1; rm", "a == \"x", "a ! 1", "a >= 1 or b < 2"})
    EXPECT_THROW(Condition{text}, UsageError) << text;
}

class Filter : public BuildDataset {
 protected:
  static std::map<std::string, Index> counts(Tallies const& tallies) {
    std::map<std::string, Index> numbers;
    for (auto const& [reason, tally] : tallies) numbers[reason] = tally.count;
    return numbers;
  }
};

TEST_F(Filter, ByFieldsOfAnyInput) {
  std::string table = "id\timage\tcaption\tscore\tkind\n";
  TarFixture tar;
  std::vector<std::string> const scores{"0.3", "0.1", "0.5", "NaN", ""},
      kinds{"good", "good", "bad", "good", "good"};
  for (std::size_t i = 0; i < scores.size(); ++i) {
    std::string const key = std::to_string(i),
                      json = fmt::format(R"({{{} "kind": "{}"}})",
                                         scores[i].empty() ? "" : "\"score\": " + scores[i] + ",",
                                         kinds[i]);
    tar.add(key + ".png", png(1)).add(key + ".txt", key).add(key + ".json", json);
    put("folder/" + key + ".png", png(1));
    put("folder/" + key + ".txt", key);
    put("folder/" + key + ".json", json);
    table += fmt::format("{0}\t../folder/{0}.png\t{0}\t{1}\t{2}\n", key, scores[i], kinds[i]);
  }
  put("tar/0.tar", tar.end());
  put("t.tsv", table);
  for (char const* form : {"tar", "folder", "t.tsv"}) {
    BuildOptions o = options();
    o.source.from = {in_ / form};
    o.source.media_root = in_ / "folder";
    o.source.where = {Condition("score >= 0.2"), Condition("kind == 'good'")};
    o.out = out_ / form;
    if (std::string(form) == "t.tsv") {
      std::string flat = table;
      for (std::size_t at; (at = flat.find("../folder/")) != std::string::npos;) flat.erase(at, 10);
      put("t.tsv", flat);
    }
    BuildReport const report = run(o);
    EXPECT_THAT(captions(o.out), ElementsAre("0")) << form;
    EXPECT_EQ(report.total_dropped(), 0) << form;
    auto const ignored = counts(report.ignored);
    EXPECT_EQ(ignored.at("filtered: not kind == 'good'"), 1) << form;
    Index scored = 0;
    for (auto const& [reason, number] : ignored)
      if (reason.ends_with("score >= 0.2")) scored += number;
    EXPECT_EQ(scored, 3) << form;
  }
  BuildOptions o = options();
  o.source.from = {in_ / "t.tsv"};
  o.source.where = {Condition("other > 1")};
  EXPECT_THAT(error(o), HasSubstr("no column 'other'"));
}

TEST_F(Filter, BySidesAndLengths) {
  auto const picture = [](Index width, Index height) {
    std::vector<std::uint8_t> const pixels(static_cast<std::size_t>(width * height * 3), 7);
    return text_of(encode_png(pixels, width, height));
  };
  put("small.png", picture(7, 30));
  put("long.png", picture(8, 30));
  put("good.png", picture(10, 30));
  put("t.tsv",
      "id\timage\tcaption\n1\tsmall.png\ta caption\n2\tlong.png\ta caption\n"
      "3\tgood.png\tx\n3\tgood.png\t\xC3\xA4\xC3\xB6\xC3\xBC\n3\tgood.png\tmuch too long\n"
      "4\tgood.png\tx\n");
  BuildOptions o = options();
  o.limits = {8, 3, 3, 10};
  BuildReport const report = run(o);
  EXPECT_THAT(captions(out_), ElementsAre("\xC3\xA4\xC3\xB6\xC3\xBC"));
  EXPECT_EQ(counts(report.ignored),
            (std::map<std::string, Index>{{"filtered: picture too small", 1},
                                          {"filtered: picture too long for its width", 1},
                                          {"filtered: caption too short", 2},
                                          {"filtered: caption too long", 1}}));
  EXPECT_EQ(report.total_dropped(), 0);
  o.limits.min_side = 9;
  EXPECT_THAT(error(o), HasSubstr("64: "));  // another build
}

}  // namespace
}  // namespace accord::io
