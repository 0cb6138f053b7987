// Nothing of the input is passed over in silence.

#include <zlib.h>

#include "io/dataset/build.hpp"
#include "tests/io/dataset/build_fixture.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::string gzip(std::string const& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class Input : public BuildDataset {
 protected:
  static std::string tar(std::string const& key) {
    return TarFixture().add(key + ".png", png(1)).add(key + ".txt", "caption " + key).end();
  }
};

TEST_F(Input, ReadsArchivesPackedByGzip) {
  put("0.tar.gz", gzip(samples(0, 40).end()));
  put("1.tgz", gzip(tar("b").substr(0, 700)) + gzip(tar("b").substr(700)));  // as pigz leaves it
  put("2.TAR.GZ", tar("c"));     // plain, whatever its name
  put("3.tar", gzip(tar("d")));  // and the other way round
  put("4.tar", tar("e"));
  BuildReport const report = run(options());
  EXPECT_EQ(report.total_kept(), 44);
  EXPECT_EQ(report.archives, 5);
  EXPECT_EQ(text_of(Dataset::open(out_).read(39).items[0][0]), png(39));
  EXPECT_THAT(report.used.at("gzip archive").examples,
              ElementsAre("0.tar.gz", "1.tgz", "2.TAR.GZ"));
}

TEST_F(Input, NamesWhatIsWrongWithAPackedArchive) {
  std::string const sound = gzip(samples(0, 9).end());
  std::string damaged = sound, other = "\x28\xB5\x2F\xFD----";
  damaged[sound.size() / 2] ^= 0x55;
  std::string checksum = sound;
  checksum[sound.size() - 6] ^= 0x55;
  put("a.tar", tar("a"));
  put("b.tar.gz", sound.substr(0, sound.size() / 2));
  put("c.tar.gz", damaged);
  put("d.tar", other);
  put("e.tar.gz", checksum);
  BuildOptions o = options();
  o.max_bad_share = 1;
  BuildReport const report = run(o);
  auto const& examples = report.broken_archives.examples;
  ASSERT_EQ(examples.size(), 4u);
  EXPECT_THAT(examples[0], HasSubstr("truncated"));
  EXPECT_THAT(examples[1], HasSubstr("c.tar.gz"));
  EXPECT_THAT(examples[2], HasSubstr("compressed by zstd, which is not read"));
  EXPECT_THAT(examples[3], HasSubstr("damaged gzip data"));
}

TEST_F(Input, CountsAndNamesEveryFileBesideTheArchives) {
  put("0.tar", tar("a"));
  put("1.tar.zst", "x");
  put("00000_stats.json", "{}");
  put("0.parquet", "x");
  put("sub/2.tar", tar("b"));
  std::filesystem::create_directories(folder_ / "elsewhere");
  write_file(folder_ / "elsewhere" / "3.tar", tar("c"));
  std::filesystem::create_directory_symlink(folder_ / "elsewhere", in_ / "linked");
  std::filesystem::create_symlink(folder_ / "elsewhere" / "3.tar", in_ / "4.tar");
  std::filesystem::create_symlink("nothing", in_ / "5.tar");
  BuildReport const report = run(options());
  EXPECT_THAT(captions(out_), ElementsAre("caption a", "caption c"));
  std::map<std::string, std::vector<std::string>> left_out;
  for (auto const& [reason, tally] : report.ignored) left_out[reason] = tally.examples;
  EXPECT_EQ(left_out,
            (std::map<std::string, std::vector<std::string>>{
                {"archive in a sub-folder: give that with --from too", {"sub/2.tar"}},
                {"compressed file that is not read: unpack it, or a tar with gzip", {"1.tar.zst"}},
                {"file that is no archive", {"0.parquet", "00000_stats.json"}},
                {"link that leads nowhere", {"5.tar"}},
                {"linked folder, not followed", {"linked"}}}));
  std::string const json = read_file(out_ / "build-report.json");
  for (char const* name : {"sub/2.tar", "1.tar.zst", "linked"}) EXPECT_THAT(json, HasSubstr(name));
}

TEST_F(Input, TakesArchivesAndTablesInSubFoldersWhereThereAreNoOthers) {
  put("tars/00/0.tar", tar("a"));
  put("tars/01/deep/1.tar.gz", gzip(tar("b")));
  put("tables/x/t.tsv", "id\timage\tcaption\n1\ta.png\tone\n");
  put("tables/x/a.png.hidden", "");
  put("tables/x/a.bin", "");
  BuildOptions o = options();
  o.source.from = {in_ / "tars"};
  run(o);
  EXPECT_THAT(captions(out_), ElementsAre("caption a", "caption b"));
  o.source.from = {in_ / "tables"};
  o.out = folder_ / "other";
  EXPECT_THAT(error(o), HasSubstr("a.png: no such file"));  // read as a table
}

TEST_F(Input, SaysWhyNothingWasFound) {
  std::filesystem::create_directories(folder_ / "elsewhere");
  write_file(folder_ / "elsewhere" / "a.png", png(1));
  std::filesystem::create_directory_symlink(folder_ / "elsewhere", in_ / "linked");
  put("picture.gif", "GIF89a");
  put("a.tar.xz", "x");
  std::string const message = error(options());
  for (char const* part : {"1 x linked folder, not followed (linked)", "(picture.gif)",
                           "compressed file that is not read", "(a.tar.xz)"})
    EXPECT_THAT(message, HasSubstr(part));
  put("b.png", png(1));
  EXPECT_THAT(error(options()), HasSubstr("file without a .txt beside it (b.png)"));
  put("b.txt", "");
  EXPECT_THAT(error(options()), HasSubstr("empty caption"));
}

TEST_F(Input, FoldersAndArchivesThatMayNotBeReadAreNamed) {
  put("tars/0.tar", tar("a"));
  put("tars/1.tar", tar("b"));
  put("media/a.png", png(1));
  put("media/a.txt", "one");
  put("media/closed/b.png", png(1));
  std::filesystem::create_directories(out_);
  for (auto const& path : {folder_, in_, out_, in_ / "tars", in_ / "media"})
    std::filesystem::permissions(path, std::filesystem::perms::all);
  std::filesystem::permissions(in_ / "tars" / "1.tar", std::filesystem::perms::none);
  std::filesystem::permissions(in_ / "media" / "closed", std::filesystem::perms::none);
  BuildOptions o = options();
  o.max_bad_share = 0.5;
  {
    Nobody const nobody;
    o.source.from = {in_ / "tars"};
    o.out = out_ / "tars";
    EXPECT_THAT(run(o).broken_archives.examples,
                ElementsAre(HasSubstr("1.tar: no permission to read it")));
    o.source.from = {in_ / "media"};
    o.out = out_ / "media";
    EXPECT_THAT(run(o).ignored.at("folder that may not be opened").examples,
                ElementsAre("closed/"));
  }
  std::filesystem::permissions(in_ / "media" / "closed", std::filesystem::perms::all);
}

TEST_F(Input, ReportsNothingThatSteersATerminal) {
  put("0.tar", TarFixture()
                   .add("a\x1B[31m.png", "no picture")
                   .add("a\x1B[31m.txt", "x")
                   .add("b.png", png(1))
                   .add("b.txt", "y")
                   .end());
  BuildOptions o = options();
  o.max_bad_share = 1;
  BuildReport const report = run(o);
  EXPECT_THAT(report.dropped.begin()->second.examples[0], HasSubstr("a\\x1B[31m"));
  EXPECT_THAT(report.to_json(), Not(HasSubstr("\x1B")));
}

}  // namespace
}  // namespace accord::io
