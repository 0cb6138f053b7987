// Which files are of one sample, and which are of none.

#include "io/dataset/build.hpp"
#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Names : public BuildDataset {
 protected:
  using Files = std::vector<std::pair<std::string, std::string>>;
  using Samples = std::map<std::string, std::map<std::string, std::string>>;

  /// The files in a folder and, in this order, in an archive.
  void put_both(Files const& files) const {
    TarFixture tar;
    for (auto const& [name, content] : files) {
      tar.add(name, content);
      put("folder/" + name, content);
    }
    put("tar/0.tar", tar.end());
  }
};

TEST_F(Names, AnotherFieldIsNeverTheItem) {
  put_both({{"d.x/a.depth.png", png(1)},
            {"d.x/a.png", png(2)},
            {"d.x/a.seg.jpg", png(3)},
            {"d.x/a.txt", "one"},
            {"d.x/a.de.txt", "eins"},
            {"d.x/a.1.wav", "no sound"}});
  for (char const* form : {"tar", "folder"}) {
    BuildReport const report = build_form(form, {"image", "text"});
    EXPECT_EQ(samples_of(out_ / form), (Samples{{"d.x/a", {{"image", png(2)}, {"text", "one"}}}}))
        << form;
    EXPECT_EQ(report.ignored.at("file of no kind looked for").count, 4) << form;
    EXPECT_EQ(report.total_dropped(), 0) << form;
  }
}

TEST_F(Names, AnotherFieldDoesNotStandInForTheItem) {
  put_both({{"a.depth.png", png(1)}, {"a.txt", "one"}, {"b.png", png(2)}, {"b.txt", "two"}});
  for (char const* form : {"tar", "folder"}) {
    BuildOptions o = options();
    o.source.from = {in_ / form};
    o.out = out_ / form;
    o.max_bad_share = 0.5;
    run(o);
    EXPECT_EQ(samples_of(o.out), (Samples{{"b", {{"image", png(2)}, {"text", "two"}}}})) << form;
  }
}

TEST_F(Names, InAFolderAKeyMayHaveDotsWhereNobodyHasTheShorterOne) {
  put("folder/Mr. Smith.jpg", png(1));
  put("folder/Mr. Smith.txt", "a man");
  put("folder/Mr. Jones.jpg", png(2));
  put("folder/Mr. Jones.txt", "another");
  build_form("folder", {"image", "text"});
  EXPECT_EQ(samples_of(out_ / "folder"),
            (Samples{{"Mr. Jones", {{"image", png(2)}, {"text", "another"}}},
                     {"Mr. Smith", {{"image", png(1)}, {"text", "a man"}}}}));
}

TEST_F(Names, EndingsMayBeInAnyCase) {
  put_both({{"A.PNG", png(1)}, {"A.TXT", "one"}, {"b.Jpg", png(2)}, {"b.tXt", "two"}});
  put("c/0.TAR", TarFixture()
                     .add("C.PNG", png(3))
                     .add("C.JSON", R"({"caption": "three", "label": "x"})")
                     .add("C.CLS", "7")
                     .end());
  put("table/T.TSV", "id\timage\tcaption\nA\t../folder/A.PNG\tone\n");
  for (char const* form : {"tar", "folder"})
    EXPECT_EQ(build_form(form, {"image", "text"}).total_kept(), 2) << form;
  BuildOptions o = options();
  o.source.from = {in_ / "c"};
  o.source.label = "cls";
  run(o);
  EXPECT_EQ(samples_of(out_), (Samples{{"C", {{"image", png(3)}, {"text", "three"}}}}));
  EXPECT_EQ(Dataset::open(out_).read(0).label, 7);
  o = options();
  o.source.from = {in_ / "table"};
  o.source.media_root = in_;
  o.out = out_ / "table";
  EXPECT_THAT(error(o), HasSubstr("lies outside"));  // read as a table
}

TEST_F(Names, WhatBeginsWithADotIsNoMemberAndSplitsNoGroup) {
  put_both({{"._a.png", "AppleDouble"},
            {"a.png", png(1)},
            {"._a.txt", "AppleDouble"},
            {".DS_Store", "x"},
            {"README", "x"},
            {"a.txt", "one"},
            {"._.TemporaryItems", "x"}});
  put("folder/.hidden/b.png", png(2));
  put("folder/.hidden/b.txt", "two");
  put("tar/._0.tar", "AppleDouble");
  for (char const* form : {"tar", "folder"}) {
    BuildReport const report = build_form(form, {"image", "text"});
    EXPECT_EQ(samples_of(out_ / form), (Samples{{"a", {{"image", png(1)}, {"text", "one"}}}}))
        << form;
    EXPECT_EQ(report.total_dropped(), 0) << form;
    EXPECT_EQ(report.ignored.at("name that begins with a dot").count, 5) << form;
    EXPECT_EQ(report.ignored.at("name without an ending").count, 1) << form;
  }
}

// The first of two with one name, whatever it is of.
TEST_F(Names, AMemberThatComesTwiceIsTheFirst) {
  put("0.tar", TarFixture()
                   .add("a.png", png(1))
                   .add("a.txt", "one")
                   .add("a.cls", "1")
                   .add("a.png", png(2))
                   .add("a.txt", "two")
                   .add("a.cls", "2")
                   .add("b.png", png(3))
                   .add("b.json", R"({"caption": "three"})")
                   .add("b.json", R"({"caption": "four"})")
                   .add("b.cls", "3")
                   .end());
  BuildOptions o = options();
  o.source.label = "cls";
  BuildReport const report = run(o);
  EXPECT_EQ(samples_of(out_), (Samples{{"a", {{"image", png(1)}, {"text", "one"}}},
                                       {"b", {{"image", png(3)}, {"text", "three"}}}}));
  EXPECT_EQ(Dataset::open(out_).read(0).label, 1);
  Tally const& second = report.ignored.at("second file of one modality");
  EXPECT_THAT(second.examples,
              ElementsAre("0.tar: a.png", "0.tar: a.txt", "0.tar: a.cls", "0.tar: b.json"));
}

TEST_F(Names, SaysThatMembersOfOneKeyStandApart) {
  put("0.tar", TarFixture()
                   .add("a.png", png(1))
                   .add("b.png", png(2))
                   .add("a.txt", "one")
                   .add("b.txt", "two")
                   .add("c.png", png(3))
                   .add("c.txt", "three")
                   .add("d.png", png(4))
                   .end());
  BuildOptions o = options();
  EXPECT_THAT(error(o), HasSubstr("tar --sort=name"));
  o.max_bad_share = 1;
  BuildReport const report = run(o);
  EXPECT_EQ(report.dropped.at("members of one key that are not neighbours").count, 4);
  EXPECT_THAT(report.dropped.at("no caption").examples, ElementsAre("0.tar: d: there is png"));
  EXPECT_THAT(captions(out_), ElementsAre("three"));
}

}  // namespace
}  // namespace accord::io
