#include "io/dataset/build.hpp"

#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(BuildDataset, TakesFoldersForClassesWithoutCaptions) {
  put("cat/1.png", png(1));
  put("dog/2.png", png(2));
  put("cat/deep/dog/3.png", png(3));
  BuildOptions o = options();
  o.modalities = {"image"};
  o.source.label = "folder";
  EXPECT_EQ(run(o).total_kept(), 3);
  Dataset const dataset = Dataset::open(out_);
  EXPECT_THAT(dataset.index().classes, ElementsAre("cat", "dog"));
  std::map<std::string, std::int64_t> labels;
  for (Index i = 0; i < 3; ++i) labels[dataset.read(i).key] = dataset.read(i).label;
  EXPECT_EQ(labels, (std::map<std::string, std::int64_t>{
                        {"cat/1", 0}, {"cat/deep/dog/3", 1}, {"dog/2", 1}}));
}

TEST_F(BuildDataset, RefusesAnotherLabelOfAFolder) {
  put("cat/1.png", png(1));
  BuildOptions o = options();
  o.source.label = "species";
  EXPECT_THAT(error(o), HasSubstr("--label folder"));
}

TEST_F(BuildDataset, FromAFolderTakesTheFirstLineOfTheText) {
  put("animals/cat.png", png(1));
  put("animals/cat.txt", "A cat.\nde.utf8=Eine Katze.\n");
  put("animals/cat_desc.ogg", "OggS");
  put("animals/big/dog.PNG", png(2));
  put("animals/big/dog.txt", "A dog.\r\n\xFF in another line does no harm\n");
  put("animals/uncaptioned.png", png(3));
  put("sound.txt", "a sound alone");
  put("sound.ogg", "OggS");
  BuildReport const report = run(options());
  EXPECT_THAT(captions(out_), ElementsAre("A dog.", "A cat."));
  EXPECT_EQ(Dataset::open(out_).read(1).key, "animals/cat");
  EXPECT_EQ(report.total_dropped(), 0);
  EXPECT_EQ(report.ignored.at("file without a .txt beside it").count, 1);
}

TEST_F(BuildDataset, LinksThatLeadOutOfTheFolderAreDropped) {
  std::filesystem::create_directories(folder_ / "elsewhere");
  write_file(folder_ / "elsewhere" / "secret.txt", "a secret");
  write_file(folder_ / "elsewhere" / "9.png", png(9));
  put("a.png", png(1));
  put("a.txt", "inside");
  put("b.png", png(2));
  put("d.txt", "a picture from outside");
  std::filesystem::create_symlink(in_ / "a.txt", in_ / "c.txt");
  std::filesystem::create_symlink("a.png", in_ / "c.png");  // within the folder: no harm
  std::filesystem::create_symlink(folder_ / "elsewhere" / "secret.txt", in_ / "b.txt");
  std::filesystem::create_symlink("../elsewhere/9.png", in_ / "d.png");
  std::filesystem::create_symlink("loop.png", in_ / "loop.png");
  BuildOptions o = options();
  o.max_bad_share = 0.5;
  BuildReport const report = run(o);
  EXPECT_THAT(captions(out_), ElementsAre("inside", "inside"));
  Tally const& unread = report.dropped.at("file that cannot be read");
  EXPECT_EQ(unread.count, 2);
  EXPECT_THAT(unread.examples.front(), HasSubstr("b.txt' lies outside"));
}

TEST_F(BuildDataset, AFileThatMayNotBeReadIsDroppedByName) {
  put("a.png", png(1));
  put("a.txt", "fine");
  put("b.png", png(2));
  put("b.txt", "its picture may not be read");
  put("data.tsv", "image_id\timage\tcaption\na\ta.png\tfine\nb\tb.png\tmay not be read\n");
  std::filesystem::create_directories(out_);
  std::filesystem::permissions(in_ / "b.png", std::filesystem::perms::none);
  for (auto const& path : {folder_, in_, out_})
    std::filesystem::permissions(path, std::filesystem::perms::all);
  for (SourceOptions::Kind const kind : {SourceOptions::Kind::folder, SourceOptions::Kind::table}) {
    BuildOptions o = options();
    o.source.kind = kind;
    o.out = out_ / std::to_string(static_cast<int>(kind));
    o.max_bad_share = 0.5;
    BuildReport const report = [&] {
      Nobody const nobody;
      return run(o);
    }();
    EXPECT_THAT(captions(o.out), ElementsAre("fine"));
    Tally const& unread = report.dropped.at("file that cannot be read");
    EXPECT_EQ(unread.count, 1);
    EXPECT_THAT(unread.examples.front(), HasSubstr("b.png"));
  }
}

}  // namespace
}  // namespace accord::io
