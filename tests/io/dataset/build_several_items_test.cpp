// Samples with several captions, pictures or sounds.

#include "io/dataset/build.hpp"
#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// By key: the items of each modality in order.
using Items = std::map<std::string, std::vector<std::vector<std::string>>>;

class SeveralItems : public BuildDataset {
 protected:
  static Items items(std::filesystem::path const& path) {
    Dataset const dataset = Dataset::open(path);
    Items all;
    for (Index i = 0; i < dataset.size(); ++i) {
      Sample const sample = dataset.read(i);
      EXPECT_FALSE(all.contains(sample.key)) << sample.key << " is there twice";
      auto& of_sample = all[sample.key];
      for (auto const& of_modality : sample.items) {
        of_sample.emplace_back();
        for (auto const item : of_modality) of_sample.back().push_back(text_of(item));
      }
    }
    return all;
  }
  BuildReport run_table(std::string const& table) const {
    put("t.tsv", table);
    return run(options());
  }
};

// As the official tables of COCO and Flickr30k are; here some rows of a picture stand apart.
TEST_F(SeveralItems, RowsWithOneIdAreOneSample) {
  std::string table = "image_id\timage\tcaption\n";
  for (int i = 0; i < 6; ++i)
    for (int k = 0; k < 3; ++k) table += fmt::format("{0}\t{0}.png\t{0} in words {1}\n", i, k);
  for (int i : {4, 0})
    for (int k = 3; k < 5; ++k) table += fmt::format("{0}\t{0}.png\t{0} in words {1}\n", i, k);
  Items want;
  for (int i = 0; i < 6; ++i) {
    put(fmt::format("{}.png", i), png(i));
    auto& of_sample = want[fmt::format("{}", i)];
    of_sample = {{png(i)}, {}};
    for (int k = 0; k < (i == 4 || i == 0 ? 5 : 3); ++k)
      of_sample[1].push_back(fmt::format("{} in words {}", i, k));
  }
  put("t.tsv", table);
  for (std::uint64_t const bytes : {1000000, 300, 90}) {
    BuildOptions o = options();
    o.shard_bytes = bytes;
    for (int const ranks : {1, 3}) {
      o.out = folder_ / fmt::format("{}-{}", bytes, ranks);
      BuildReport const report = run(o, ranks);
      EXPECT_EQ(report.total_kept(), 6);
      EXPECT_EQ(report.items, (std::map<std::string, Index>{{"image", 6}, {"text", 22}}));
      EXPECT_EQ(items(o.out), want) << bytes;
    }
    EXPECT_EQ(contents(folder_ / fmt::format("{}-1", bytes)),
              contents(folder_ / fmt::format("{}-3", bytes)));
  }
}

TEST_F(SeveralItems, MediaCountOnceAndCaptionsWithEveryRow) {
  for (int i = 0; i < 3; ++i) put(fmt::format("{}.png", i), png(i));
  put("again/1.png", png(1));
  run_table(
      "id\timage\tcaption\n"
      "a\t0.png\tthe same words\n"
      "a\t0.png\tthe same words\n"  // by two people
      "b\t1.png\tone caption\n"
      "b\t2.png\tone caption\n"  // of two pictures
      "b\tagain/1.png\tanother\n");
  EXPECT_EQ(items(out_), (Items{{"a", {{png(0)}, {"the same words", "the same words"}}},
                                {"b", {{png(1), png(2)}, {"one caption", "another"}}}}));
}

TEST_F(SeveralItems, ABadRowLosesItselfOnly) {
  put("0.png", png(0));
  put("t.tsv",
      "id\timage\tlabel\tcaption\n"
      "a\tnone.png\tcat\tfirst\n"
      "a\t0.png\tcat\tsecond\n"
      "a\t0.png\tdog\tthird\n"
      "a\t0.png\tcat\t \n"
      "a\t0.png\tcat\n"
      "\t0.png\tcat\tof nobody\n"
      "\t0.png\tcat\tof nobody else\n");
  BuildOptions o = options();
  o.source.label = "label";
  o.max_bad_share = 1;
  BuildReport const report = run(o);
  EXPECT_EQ(items(out_), (Items{{"a", {{png(0)}, {"second"}}}}));
  EXPECT_EQ(report.dropped.at("file that cannot be read").count, 1);
  EXPECT_EQ(report.dropped.at("row with another label than the first of its id").count, 1);
  EXPECT_EQ(report.dropped.at("row with too few fields").count, 1);
  EXPECT_EQ(report.dropped.at("unusable key").count, 2);
  EXPECT_EQ(report.ignored.at("one of several items: empty caption").count, 1);
}

TEST_F(SeveralItems, AnIdThatAllRowsHaveIsNoSample) {
  put("0.png", png(0));
  std::string table = "id\timage\tcaption\n";
  for (int i = 0; i < 1010; ++i) table += fmt::format("x\t0.png\t{}\n", i);
  put("t.tsv", table);
  BuildOptions o = options();
  o.max_bad_share = 1;
  EXPECT_EQ(run(o).dropped.at("row beyond what one sample may hold").count, 10);
}

TEST_F(SeveralItems, AListInJsonIsSeveralCaptions) {
  put("0.tar", TarFixture()
                   .add("a.png", png(0))
                   .add("a.json", R"({"caption": ["one", null, "two", " ", "three"]})")
                   .add("b.png", png(1))
                   .add("b.json", R"({"text": ["four"], "caption": null})")
                   .add("c.png", png(2))
                   .add("c.json", R"({"caption": ["five", 6]})")
                   .add("d.png", png(3))
                   .add("d.json", R"({"caption": []})")
                   .add("e.png", png(4))
                   .add("e.json", R"({"caption": {"raw": "six"}})")
                   .end());
  put("folder/a.png", png(0));
  put("folder/a.JSON", R"({"caption": ["one", "two", "three"]})");
  BuildOptions o = options();
  o.max_bad_share = 1;
  BuildReport const report = run(o);
  EXPECT_EQ(items(out_),
            (Items{{"a", {{png(0)}, {"one", "two", "three"}}}, {"b", {{png(1)}, {"four"}}}}));
  EXPECT_EQ(report.dropped.at("caption that is neither text nor a list of texts").count, 2);
  EXPECT_THAT(report.dropped.at("no caption").examples,
              ElementsAre("0.tar: d: there is png, json"));
  EXPECT_EQ(report.ignored.at("one of several items: empty caption").count, 1);
  build_form("folder", {"image", "text"});
  EXPECT_EQ(items(out_ / "folder"), (Items{{"a", {{png(0)}, {"one", "two", "three"}}}}));
}

TEST_F(SeveralItems, TheFirstCaptionDecidesWhatIsHeldOut) {
  std::string several = "id\timage\tcaption\n", single = several;
  put("0.png", png(0));
  for (int i = 0; i < 40; ++i) {
    single += fmt::format("{0}\t0.png\tcaption {0}\n", i);
    several += fmt::format("{0}\t0.png\tcaption {0}\n{0}\t0.png\tother {0}\n", i);
  }
  put("single/t.tsv", single);
  put("several/t.tsv", several);
  std::map<std::string, std::vector<std::string>> keys;
  for (char const* form : {"single", "several"}) {
    std::filesystem::copy(in_ / "0.png", in_ / form / "0.png");
    build_form(form, {"image", "text"}, 0.3);
    for (auto const& [key, sample] : items(out_ / form / "held-out")) keys[form].push_back(key);
  }
  EXPECT_THAT(keys["single"], ::testing::Not(IsEmpty()));
  EXPECT_EQ(keys["single"], keys["several"]);
}

}  // namespace
}  // namespace accord::io
