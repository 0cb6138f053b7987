#include "io/dataset/build.hpp"

#include <set>

#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(BuildDataset, FromArchivesKeepsKeysCaptionsAndBytes) {
  put("0.tar", samples(0, 5).end());
  put("1.tar", samples(5, 3).end());
  BuildReport const report = run(options());
  EXPECT_EQ(report.total_kept(), 8);
  EXPECT_EQ(report.total_dropped(), 0);
  Dataset const dataset = Dataset::open(out_);
  EXPECT_THAT(dataset.modalities(), ElementsAre("image", "text"));
  ASSERT_EQ(dataset.size(), 8);
  for (int i = 0; i < 8; ++i) {
    Sample const sample = dataset.read(i);
    EXPECT_EQ(sample.key, fmt::format("{:05}", i));
    EXPECT_EQ(text_of(sample.items[0][0]), png(i));
    EXPECT_EQ(text_of(sample.items[1][0]), fmt::format("caption {}", i));
  }
  EXPECT_THAT(read_file(out_ / "build-report.json"), HasSubstr("\"total_kept\": 8"));
}

TEST_F(BuildDataset, IsTheSameAtAnyNumberOfRanks) {
  for (int t = 0; t < 5; ++t) put(fmt::format("{}.tar", t), samples(10 * t, 10).end());
  BuildOptions o = options();
  o.shard_bytes = 70000;  // two archives make a unit
  o.shard_samples = 7;
  o.source.label = "label";
  o.out = folder_ / "one";
  EXPECT_EQ(run(o).shards, 8);
  o.out = folder_ / "three";
  run(o, 3);
  EXPECT_EQ(contents(folder_ / "one"), contents(folder_ / "three"));
}

TEST_F(BuildDataset, GivesASampleSeveralOfTheClassesListed) {
  tar_of({{"a", "cat, dog"}, {"b", "dog"}, {"c", "cat,unicorn"}});
  BuildOptions o = options();
  o.source.label = "label";
  o.classes = {"bird", "cat", "dog"};
  o.max_bad_share = 1;
  BuildReport const report = run(o);
  EXPECT_EQ(report.total_kept(), 2);
  EXPECT_EQ(report.classes, 3);
  EXPECT_THAT(report.dropped.at("label that is no class listed").examples.front(),
              HasSubstr("unicorn"));
  Dataset const dataset = Dataset::open(out_);
  EXPECT_EQ(dataset.index().label, LabelKind::multi_hot);
  EXPECT_EQ(dataset.index().classes, o.classes);
  std::vector<std::vector<std::uint8_t>> flags;
  for (Index i = 0; i < 2; ++i) {
    Sample const sample = dataset.read(i);
    flags.emplace_back(sample.multi_hot.begin(), sample.multi_hot.end());
  }
  EXPECT_THAT(flags, ElementsAre(ElementsAre(0, 1, 1), ElementsAre(0, 0, 1)));
  o.source.label.clear();
  EXPECT_THAT(error(o), HasSubstr("--classes needs --label"));
}

TEST_F(BuildDataset, GoesOnAfterAnInterruption) {
  for (int t = 0; t < 4; ++t) put(fmt::format("{}.tar", t), samples(10 * t, 10).end());
  BuildOptions o = options();
  o.shard_bytes = 10000;
  o.source.label = "label";
  o.out = folder_ / "whole";
  run(o);

  o.out = out_;
  Build(o).run(0, 2, [](BuildProgress const&) {
  });  // half of the units, then killed in the middle of another
  std::filesystem::path work;
  for (auto const& entry : std::filesystem::directory_iterator(out_)) work = entry.path();
  write_file(work / "unit-000001-000.h5", "half a shard");
  write_file(work / "unit-000001-001.h5.tmp", "half a shard");
  EXPECT_THROW(Build(o).finish(), DataError);  // not complete
  EXPECT_FALSE(has_index(out_));
  auto const time = std::filesystem::last_write_time(work / "unit-000000-000.h5");
  Build again(o);
  again.run(0, 1, [](BuildProgress const&) {});
  EXPECT_EQ(std::filesystem::last_write_time(work / "unit-000000-000.h5"), time);  // not done twice

  // Killed while shards were being numbered: one is at its place already.
  std::filesystem::rename(work / "unit-000000-000.h5", out_ / "shard-00000.h5");
  again.finish();
  EXPECT_EQ(contents(out_), contents(folder_ / "whole"));
  EXPECT_TRUE(Build(o).finished());
}

TEST_F(BuildDataset, AShardThatIsNotTheOneThatWasMovedIsRefusedWithLabelsToo) {
  put("0.tar", samples(0, 4).end());
  BuildOptions o = options();
  o.source.label = "label";
  Build build(o);
  build.run(0, 1, [](BuildProgress const&) {});
  std::filesystem::path work;
  for (auto const& entry : std::filesystem::directory_iterator(out_)) work = entry.path();
  std::filesystem::rename(work / "unit-000000-000.h5", out_ / "shard-00000.h5");
  std::string const right = read_file(out_ / "shard-00000.h5");
  std::string wrong = right;
  wrong.at(right.find("00002")) = '7';  // a key: outside the blobs and the labels
  write_file(out_ / "shard-00000.h5", wrong);
  EXPECT_THROW(build.finish(), DataError);
  EXPECT_TRUE(read_file(out_ / "shard-00000.h5") == wrong);  // whosever it is
  write_file(out_ / "shard-00000.h5", right);
  build.finish();
  EXPECT_EQ(Dataset::open(out_).read(2).label, 2);
}

TEST_F(BuildDataset, AppendsWithoutTouchingWhatIsThere) {
  put("0.tar", samples(0, 6).end());
  BuildOptions o = options();
  o.source.label = "label";
  run(o);
  std::string const shard = read_file(out_ / "shard-00000.h5");
  std::string const hash = Dataset::open(out_).hash();

  o.source.from = {folder_ / "more"};
  std::filesystem::create_directories(folder_ / "more");
  TarFixture more = samples(6, 3);
  more.add("x.png", png(77)).add("x.txt", "x").add("x.json", R"({"label": "a new class"})");
  write_file(folder_ / "more" / "a.tar", more.end());
  EXPECT_THAT(error(o), HasSubstr("64: "));  // not without being told
  o.append = true;
  run(o);
  EXPECT_EQ(read_file(out_ / "shard-00000.h5"), shard);
  Dataset const dataset = Dataset::open(out_);
  ASSERT_EQ(dataset.size(), 10);
  EXPECT_THAT(dataset.index().classes, ElementsAre("class 0", "class 1", "class 2", "a new class"));
  EXPECT_EQ(dataset.read(4).label, 1);
  EXPECT_EQ(dataset.read(8).label, 2);
  EXPECT_EQ(dataset.read(9).label, 3);
  EXPECT_EQ(read_index(out_).samples_when(hash, out_), 6);
  EXPECT_TRUE(Build(o).finished());

  o.source.label = "";
  EXPECT_THAT(error(o), HasSubstr("modalities or labels"));
}

TEST_F(BuildDataset, DropsBadSamplesAndCountsThemByReason) {
  TarFixture tar = samples(0, 5);
  tar.add("text.jpg", "this is no picture").add("text.txt", "a caption");
  tar.add("empty.png", png(1)).add("empty.txt", " \n\t");
  tar.add("latin.png", png(1)).add("latin.txt", "caf\xE9");
  tar.add("none.png", png(1));
  tar.add("cut.png", png(1).substr(0, png(1).size() - 20)).add("cut.txt", "cut short");
  tar.add("alone.txt", "a caption without a picture");
  tar.add("../out.png", png(1)).add("link.png", "", '2');
  tar.add("json.png", png(9)).add("json.json", R"({"caption": "from the json"})");
  put("a.tar", tar.end());
  EXPECT_THAT(error(options()), HasSubstr("65: "));
  EXPECT_THAT(error(options()), HasSubstr("8 of 14 samples are bad"));
  EXPECT_FALSE(has_index(out_));

  BuildOptions o = options();
  o.max_bad_share = 0.6;
  BuildReport const report = run(o);
  EXPECT_EQ(report.total_kept(), 6);
  EXPECT_EQ(captions(out_).back(), "from the json");
  std::map<std::string, Index> counts;
  for (auto const& [reason, tally] : report.dropped) counts[reason] = tally.count;
  EXPECT_EQ(counts, (std::map<std::string, Index>{{"caption that is not UTF-8", 1},
                                                  {"empty caption", 1},
                                                  {"member that is not read", 2},
                                                  {"no caption", 1},
                                                  {"no picture", 1},
                                                  {"not a JPEG, PNG or WebP picture", 1},
                                                  {"picture that cannot be decoded", 1}}));
  EXPECT_THAT(report.dropped.at("no caption").examples.front(), HasSubstr("a.tar: none"));
}

TEST_F(BuildDataset, CountsBrokenArchivesAndKeepsWhatCameBefore) {
  put("0.tar", samples(0, 5).end());
  std::string const second = samples(5, 5).end();
  put("1.tar", second.substr(0, second.size() / 2));
  EXPECT_THAT(error(options()), HasSubstr("1 of 2 archives are broken"));
  EXPECT_THAT(error(options()), HasSubstr("1.tar"));
  BuildOptions o = options();
  o.max_bad_share = 0.5;
  BuildReport const report = run(o);
  EXPECT_EQ(report.broken_archives.count, 1);
  EXPECT_GE(report.total_kept(), 7);
  EXPECT_LT(report.total_kept(), 10);
}

TEST_F(BuildDataset, SplitsByCaptionSoThatNoCaptionIsOnBothSides) {
  TarFixture tar;
  for (int i = 0; i < 100; ++i)
    tar.add(fmt::format("{}.png", i), png(i))
        .add(fmt::format("{}.txt", i), fmt::format("caption {}", i / 2));
  put("a.tar", tar.end());
  BuildOptions o = options();
  o.hold_out = 0.3;
  BuildReport const report = run(o);
  EXPECT_EQ(report.kept.at("train") + report.kept.at("held-out"), 100);
  auto const train = captions(out_ / "train"), held = captions(out_ / "held-out");
  EXPECT_GT(held.size(), 10u);
  EXPECT_LT(held.size(), 60u);
  std::set<std::string> const trained(train.begin(), train.end());
  for (std::string const& caption : held) EXPECT_FALSE(trained.contains(caption));
}

TEST_F(BuildDataset, ClassNumbersOfClsFilesAreTakenAsTheyAre) {
  TarFixture tar;
  for (int label : {12, 3, 12, 0})
    tar.add(fmt::format("k{}.png", label), png(label))
        .add(fmt::format("k{}.txt", label), "x")
        .add(fmt::format("k{}.cls", label), fmt::format("{}", label))
        .add("sep.bin", "");
  put("a.tar", tar.end());
  BuildOptions o = options();
  o.source.label = "cls";
  o.max_bad_share = 1;  // the .bin between them is a key without anything
  run(o);
  Dataset const dataset = Dataset::open(out_);
  ASSERT_EQ(dataset.size(), 4);
  std::vector<std::int64_t> labels;
  for (Index i = 0; i < 4; ++i) labels.push_back(dataset.read(i).label);
  EXPECT_THAT(labels, ElementsAre(12, 3, 12, 0));
  EXPECT_TRUE(dataset.index().classes.empty());
}

TEST_F(BuildDataset, SaysWhatItLookedFor) {
  EXPECT_THAT(error(options()), HasSubstr("none of the files looked for: image (.jpg .png"));
  BuildOptions o = options();
  o.source.from = {folder_ / "nothing"};
  EXPECT_THAT(error(o), HasSubstr("no such file or folder"));
  o = options();
  o.source.kind = SourceOptions::Kind::tar;
  EXPECT_THAT(error(o), HasSubstr("no .tar file"));
  put("a.tar", samples(0, 3).end());
  o = options();
  o.modalities = {"video"};
  EXPECT_THAT(error(o), HasSubstr("no usable sample in the input\n  3 x no video"));
  o = options();
  o.modalities = {"audio", "text"};
  EXPECT_THAT(error(o), HasSubstr("no usable sample"));
}

TEST_F(BuildDataset, LeavesShardsWithoutAnIndexAlone) {
  put("a.tar", samples(0, 3).end());
  std::filesystem::create_directories(out_);
  write_file(out_ / "shard-00000.h5", "somebody's");
  EXPECT_THAT(error(options()), HasSubstr("shards without an index.json"));
  EXPECT_EQ(read_file(out_ / "shard-00000.h5"), "somebody's");
}

}  // namespace
}  // namespace accord::io
