// Texts as other programs save them: byte-order marks, encodings, Python's JSON, quoted fields.

#include "io/dataset/build.hpp"
#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string const mark = "\xEF\xBB\xBF";

/// ASCII in UTF-16, the low byte first.
std::string utf16(std::string const& text, bool marked) {
  std::string out = marked ? "\xFF\xFE" : "";
  for (char const c : text) out += std::string{c, '\0'};
  return out;
}

class Texts : public BuildDataset {
 protected:
  BuildReport lenient(std::filesystem::path const& from, std::string const& label = "") const {
    BuildOptions o = options();
    o.source.from = {in_ / from};
    o.source.label = label;
    o.max_bad_share = 1;
    std::filesystem::remove_all(out_);
    return run(o);
  }
};

TEST_F(Texts, AByteOrderMarkIsNoPartOfThem) {
  put("t.tsv", mark + "image_id\timage\tcaption\r\n1\tp/a.png\t" + mark + "one\r\n");
  put("p/a.png", png(1));
  put("p/a.txt", mark + "two\r\n");
  put("c/0.tar", TarFixture()
                     .add("a.png", png(1))
                     .add("a.txt", mark + "three\r\n")
                     .add("a.cls", mark + "7\r\n")
                     .add("b.png", png(1))
                     .add("b.json", mark + R"({"caption": "\ufefffour"})")
                     .add("b.cls", "8")
                     .end());
  lenient("t.tsv");
  EXPECT_THAT(captions(out_), ElementsAre("one"));
  lenient("p");
  EXPECT_THAT(captions(out_), ElementsAre("two"));
  lenient("c", "cls");
  EXPECT_THAT(captions(out_), ElementsAre("three", "four"));
  EXPECT_EQ(Dataset::open(out_).read(0).label, 7);
}

TEST_F(Texts, AnotherEncodingIsRefusedByName) {
  TarFixture tar;
  for (bool const marked : {false, true}) {
    std::string const key = marked ? "m" : "n";
    put("p/" + key + ".png", png(1));
    put("p/" + key + ".txt", utf16("a caption\r\n", marked));
    tar.add(key + ".png", png(1)).add(key + ".txt", utf16("a caption\n", marked));
    tar.add(key + "j.png", png(1)).add(key + "j.json", utf16(R"({"caption": "x"})", marked));
    put("t.tsv", utf16("image_id\timage\tcaption\n1\tp/m.png\tone\n", marked));
    BuildOptions o = options();
    o.source.from = {in_ / "t.tsv"};
    EXPECT_THAT(error(o), HasSubstr("t.tsv: it is in UTF-16; save it as UTF-8"));
  }
  put("p/ok.png", png(1));
  put("p/ok.txt", "fine");
  put("c/0.tar", tar.add("ok.png", png(1)).add("ok.txt", "\xE2\x82\xAC \xE4\xBD\xA0").end());
  for (char const* from : {"p", "c"}) {
    BuildReport const report = lenient(from);
    EXPECT_EQ(report.dropped.at("caption in UTF-16").count, 2) << from;
    if (std::string(from) == "p") continue;
    EXPECT_THAT(report.dropped.at("damaged .json").examples,
                ElementsAre(HasSubstr("UTF-16"), HasSubstr("UTF-16")));
  }
}

TEST_F(Texts, JsonIsReadAsPythonWritesIt) {
  TarFixture tar;
  std::pair<char const*, char const*> const sidecars[] = {
      {"a",
       R"({"caption": "one", "label": "cat", "similarity": NaN, "x": [Infinity, {"y": NaN}]})"},
      {"b", R"({"caption": "two \ud83d end", "label": 123456789012345678901234567890})"},
      {"c", R"({"caption": "\ud83d\ude00", "label": -Infinity, "score": 1e999})"},
      {"d", R"({"caption": "no label", "label": NaN})"},
      {"e", R"({"caption": "damaged)"},
      {"f", R"(["a list"])"},
      {"g", R"({"caption": "trailing",})"}};
  for (auto const& [key, json] : sidecars)
    tar.add(fmt::format("{}.png", key), png(1)).add(fmt::format("{}.json", key), json);
  put("0.tar", tar.end());
  BuildReport const report = lenient("0.tar", "label");
  EXPECT_THAT(captions(out_), ElementsAre("one", "two \xEF\xBF\xBD end", "\xF0\x9F\x98\x80"));
  EXPECT_THAT(Dataset::open(out_).index().classes,
              ElementsAre("-Infinity", "123456789012345678901234567890", "cat"));
  EXPECT_EQ(report.dropped.at("no label").count, 1);
  EXPECT_EQ(report.dropped.at("damaged .json").count, 3);
  EXPECT_THAT(report.dropped.at("damaged .json").examples[0], HasSubstr("it ends at byte"));
}

TEST_F(Texts, ADamagedJsonThatNobodyNeedsDoesNoHarm) {
  put("0.tar",
      TarFixture().add("a.png", png(1)).add("a.txt", "one").add("a.json", "{damaged").end());
  EXPECT_EQ(lenient("0.tar").total_dropped(), 0);
  EXPECT_THAT(captions(out_), ElementsAre("one"));
}

TEST_F(Texts, QuotedFieldsOfTablesAreUnquoted) {
  put("a.png", png(1));
  put("t.tsv",
      "\"image_id\"\timage\tcaption\r\n"
      "1\ta.png\t\"with a\ttab\"\r\n"
      "2\t\"a.png\"\t\"two\r\nlines, \"\"quoted\"\"\"\r\n"
      "3\ta.png\t\"Hello\" she said\r\n"
      "4\ta.png\t\"an unbalanced quote\r\n"
      "5\ta.png\ta size of 5\"\r\n"
      "6\ta.png\t\"\"\"all\"\" of it\"\r\n"
      "7\ta.png\tplain");
  BuildOptions o = options();
  for (std::uint64_t const bytes : {1000000, 100}) {
    o.out = folder_ / std::to_string(bytes);
    o.shard_bytes = bytes;
    EXPECT_EQ(run(o).total_dropped(), 0);
    EXPECT_THAT(captions(o.out),
                ElementsAre("with a\ttab", "two\r\nlines, \"quoted\"", "\"Hello\" she said",
                            "\"an unbalanced quote", "a size of 5\"", "\"all\" of it", "plain"));
  }
}

TEST_F(Texts, CellsMayBeDataUrlsAndHoldBlanks) {
  std::string const code = base64(png(1));
  put("t.tsv", "image_id\timage\tcaption\n1\tdata:image/png;base64," + code + "\tone\n2\t " +
                   code.substr(0, 40) + " " + code.substr(40) + " \ttwo\n3\t\"" +
                   code.substr(0, 44) + "\r\n" + code.substr(44) +
                   "\n\"\tthree\n4\tdata:image/png,%89PNG\tfour\n5\tdata:image/png;base64,AAAA\t"
                   "five\n6\thttps://x.org/a.png\tsix\n7\t\tseven\n8\t" +
                   base64(std::string(3000, '\1')) + "\teight\n");
  BuildReport const report = lenient("t.tsv");
  EXPECT_THAT(captions(out_), ElementsAre("one", "two", "three"));
  for (Index i = 0; i < 3; ++i)
    EXPECT_EQ(text_of(Dataset::open(out_).read(i).items[0][0]), png(1)) << i;
  auto const& examples = report.dropped.at("file that cannot be read").examples;
  ASSERT_EQ(examples.size(), 5u);
  EXPECT_THAT(examples[0], HasSubstr("a data: URL that is not base64"));
  EXPECT_THAT(examples[1], HasSubstr("a data: URL that holds no known format"));
  EXPECT_THAT(examples[2], HasSubstr("a web address: fetch it first"));
  EXPECT_THAT(examples[4], HasSubstr("... (4000 bytes)': neither a path nor base64"));
  EXPECT_LT(examples[4].size(), 200u);
}

}  // namespace
}  // namespace accord::io
