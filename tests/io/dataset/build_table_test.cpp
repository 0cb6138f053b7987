#include "io/dataset/build.hpp"

#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(BuildDataset, FromATableTakesPathsAndBase64) {
  put("pictures/7.png", png(7));
  std::filesystem::create_directories(folder_ / "elsewhere");
  write_file(folder_ / "elsewhere" / "9.png", png(9));
  std::string table = "image_id\timage\tcaption\r\n";
  table += "7\tpictures/7.png\tfrom a\ttab\r\n";  // the last field takes the rest
  table += "8\t" + base64(png(8)) + "\tfrom base64\n";
  table += "9\t../elsewhere/9.png\tfrom outside\n";
  table += "10\t" + (folder_ / "elsewhere" / "9.png").string() + "\tabsolute\n";
  table += "11\tpictures/none.png\tmissing\n";
  table += "12\tpictures/7.png\n";
  table += "\n13\tpictures/7.png\tthe last line has no end";
  put("data.tsv", table);
  BuildOptions o = options();
  o.source.from = {in_ / "data.tsv"};
  o.max_bad_share = 0.6;
  BuildReport const report = run(o);
  EXPECT_THAT(captions(out_),
              ElementsAre("from a\ttab", "from base64", "the last line has no end"));
  EXPECT_EQ(text_of(Dataset::open(out_).read(1).items[0][0]), png(8));
  EXPECT_EQ(report.dropped.at("file that cannot be read").count, 3);
  EXPECT_EQ(report.dropped.at("row with too few fields").count, 1);
}

TEST_F(BuildDataset, TheFolderThatPathsStartFromIsPartOfWhatATableIs) {
  std::filesystem::create_directories(folder_ / "here");
  std::filesystem::create_directories(folder_ / "there");
  write_file(folder_ / "there" / "7.png", png(7));
  put("data.tsv", "image_id\timage\tcaption\n7\t7.png\tseven\n");
  BuildOptions o = options();
  o.modalities = {"image", "text"};
  o.source.media_root = folder_ / "here";
  EXPECT_THAT(error(o), HasSubstr("no usable sample"));
  o.source.media_root = folder_ / "there";
  run(o);
  EXPECT_THAT(captions(out_), ElementsAre("seven"));
  EXPECT_TRUE(Build(o).finished());
  o.source.media_root = folder_ / "there" / ".." / "there";
  EXPECT_TRUE(Build(o).finished());
  o.source.media_root = folder_ / "here";
  EXPECT_THAT(error(o), HasSubstr("64: "));  // another build, not this one done already
}

TEST_F(BuildDataset, AFolderThatIsNotThereOpensNoWayOut) {
  write_file(folder_ / "secret.png", png(7));
  put("data.tsv", "image_id\timage\tcaption\n7\t" + (folder_ / "secret.png").string() + "\tx\n");
  BuildOptions o = options();
  o.modalities = {"image", "text"};
  o.source.media_root = folder_ / "nowhere";
  EXPECT_THAT(error(o), HasSubstr("no usable sample"));
}

TEST_F(BuildDataset, MediaThatCameAfterARefusalAreRead) {
  put("data.tsv", "image_id\timage\tcaption\n7\t7.png\tseven\n");
  BuildOptions o = options();
  o.modalities = {"image", "text"};
  EXPECT_THAT(error(o), HasSubstr("no usable sample"));
  put("7.png", png(7));
  run(o);
  EXPECT_THAT(captions(out_), ElementsAre("seven"));
}

TEST_F(BuildDataset, WorkLeftByAnInterruptionServesTheSameCutOnly) {
  std::string table = "image_id\timage\tcaption\n";
  for (int i = 0; i < 12; ++i) table += fmt::format("{}\tp.png\tcaption {}\n", i, i);
  put("data.tsv", table);
  put("p.png", png(1));
  BuildOptions o = options();
  o.shard_bytes = 400;
  Build(o).run(0, 2, [](BuildProgress const&) {});  // every other unit, then killed
  // Larger media make smaller units of the same table.
  std::vector<std::uint8_t> const noise = [] {
    std::vector<std::uint8_t> pixels(16 * 16 * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::uint8_t>(i * i * 2654435761u >> 7);
    return pixels;
  }();
  put("p.png", text_of(encode_png(noise, 16, 16)));
  run(o);
  EXPECT_EQ(captions(out_).size(), 12u);
}

TEST_F(BuildDataset, TakesEveryRowOfATableOnceHoweverItIsCut) {
  std::string table = "image_id\timage\tcaption\n";
  for (int i = 0; i < 12; ++i)
    table += fmt::format("{}\t{}\tcaption {}{}\n", i, base64(png(i)), i,
                         std::string(static_cast<std::size_t>(i), '.'));
  put("data.tsv", table);
  std::vector<std::string> whole;
  for (std::uint64_t const bytes : {1000000, 900, 400}) {
    BuildOptions o = options();
    o.out = folder_ / std::to_string(bytes);
    o.shard_bytes = bytes;
    run(o);
    if (whole.empty()) whole = captions(o.out);
    EXPECT_EQ(captions(o.out), whole) << bytes;
  }
  EXPECT_EQ(whole.size(), 12u);
}

TEST_F(BuildDataset, RefusesATableWithoutItsHeader) {
  put("data.tsv", "1\tpictures/1.png\ta caption\n");
  EXPECT_THAT(error(options()), HasSubstr("65: "));
  EXPECT_THAT(error(options()), HasSubstr("first line must name the columns"));
}

}  // namespace
}  // namespace accord::io
