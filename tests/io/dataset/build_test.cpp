#include "io/dataset/build.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "core/base/error.hpp"
#include "io/dataset/png_encode.hpp"
#include "io/dataset/scene.hpp"
#include "io/file/file.hpp"
#include "io/shard/shard_reader.hpp"
#include "tests/io/dataset/tar_fixture.hpp"
#include "tests/io/media/arrays.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using accord::testing::npy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::string text_of(std::span<std::byte const> bytes) {
  return std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

/// A picture that no other number has.
std::string png(int number) {
  std::vector<std::uint8_t> pixels(4 * 4 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(number * 31 + static_cast<int>(i * i));
  return text_of(encode_png(pixels, 4, 4));
}

std::string base64(std::string const& bytes) {
  std::string const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned word = 0;
    for (std::size_t k = 0; k < 3; ++k)
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > bytes.size() ? '=' : alphabet[word >> (18 - 6 * k) & 63];
  }
  return out;
}

/// Root may read everything: while this lives, the process is a user without rights.
class Nobody {
 public:
  Nobody() {
    if (me_ == 0 && ::seteuid(65534) != 0) throw Error("seteuid");
  }
  ~Nobody() {
    if (::seteuid(me_) != 0) std::abort();
  }

 private:
  uid_t me_ = ::geteuid();
};

class BuildDataset : public TemporaryFolder {
 protected:
  BuildDataset() { std::filesystem::create_directories(in_); }

  BuildOptions options() const {
    BuildOptions o;
    o.source.from = {in_};
    o.out = out_;
    return o;
  }
  /// An archive of pictures with captions and these labels, by key.
  void tar_of(std::vector<std::pair<std::string, std::string>> const& labels) const {
    TarFixture tar;
    for (auto const& [key, label] : labels)
      tar.add(key + ".png", png(1))
          .add(key + ".txt", key)
          .add(key + ".json", fmt::format(R"({{"label": "{}"}})", label));
    put("0.tar", tar.end());
  }
  void put(std::string const& name, std::string const& content) const {
    std::filesystem::create_directories((in_ / name).parent_path());
    write_file(in_ / name, content);
  }
  /// Samples first .. first + count - 1 as an img2dataset archive.
  static TarFixture samples(int first, int count) {
    TarFixture tar;
    for (int i = first; i < first + count; ++i)
      tar.add(fmt::format("{:05}.png", i), png(i))
          .add(fmt::format("{:05}.txt", i), fmt::format("caption {}\n", i))
          .add(fmt::format("{:05}.json", i), fmt::format(R"({{"label": "class {}"}})", i % 3));
    return tar;
  }
  static BuildReport run(BuildOptions const& options, int ranks = 1) {
    for (int rank = 0; rank < ranks; ++rank)
      Build(options).run(rank, ranks, [](BuildProgress const&) {});
    return Build(options).finish();
  }
  /// From the folder `form` of the input into one of that name.
  BuildReport build_form(std::string const& form, std::vector<std::string> modalities,
                         double hold_out = 0) const {
    BuildOptions o = options();
    o.source.from = {in_ / form};
    o.out = out_ / form;
    o.modalities = std::move(modalities);
    o.hold_out = hold_out;
    return run(o);
  }
  static std::string error(BuildOptions const& options) {
    try {
      run(options);
    } catch (Error const& error) {
      return fmt::format("{}: {}", static_cast<int>(error.exit_code()), error.what());
    }
    return "no error";
  }
  static std::vector<std::string> captions(std::filesystem::path const& path) {
    Dataset const dataset = Dataset::open(path);
    std::vector<std::string> out;
    for (Index i = 0; i < dataset.size(); ++i) out.push_back(text_of(dataset.read(i).items[1][0]));
    return out;
  }
  /// Content of every file of a folder by name.
  static std::map<std::string, std::string> contents(std::filesystem::path const& folder) {
    std::map<std::string, std::string> out;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        out[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
    return out;
  }

  std::filesystem::path in_ = folder_ / "in", out_ = folder_ / "out";
};

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
  EXPECT_EQ(report.ignored.at("file without a .txt beside it"), 1);
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

/// The samples of both forms, in any order: keys and, of each modality, bytes.
std::map<std::string, std::map<std::string, std::string>> samples_of(
    std::filesystem::path const& path) {
  Dataset const dataset = Dataset::open(path);
  std::map<std::string, std::map<std::string, std::string>> samples;
  for (Index i = 0; i < dataset.size(); ++i) {
    Sample const sample = dataset.read(i);
    for (std::size_t m = 0; m < sample.items.size(); ++m)
      samples[sample.key][dataset.modalities()[m]] = text_of(sample.items[m][0]);
  }
  return samples;
}

TEST_F(BuildDataset, HoldsArraysUnderAnyOtherName) {
  std::string const walk = npy("4, 3", std::vector<float>(12, 1)),
                    film = npy("2, 4, 4, 1", std::vector<float>(32, 2));
  std::map<std::string, std::map<std::string, std::string>> const want{
      {"walk", {{"text", "walking"}, {"motion", walk}, {"video", film}}}};
  put("folder/walk.motion.npy", walk);
  put("folder/walk.video.npy", film);
  put("folder/walk.txt", "walking\n");
  put("folder/other.npy", walk);  // whose is it?
  put("tar/a.tar", TarFixture()
                       .add("walk.motion.npy", walk)
                       .add("walk.video.npy", film)
                       .add("walk.txt", "walking")
                       .end());
  put("table/a.tsv",
      "id\tvideo\tmotion\tcaption\nwalk\t" + base64(film) + "\twalk.motion.npy\twalking\n");
  put("table/walk.motion.npy", walk);
  for (char const* form : {"folder", "tar", "table"}) {
    BuildReport const report = build_form(form, {"video", "text", "motion"});
    EXPECT_EQ(samples_of(out_ / form), want) << form;
    EXPECT_THAT(Dataset::open(out_ / form).modalities(), ElementsAre("text", "motion", "video"));
    EXPECT_EQ(report.total_dropped(), 0) << form;
  }
}

TEST_F(BuildDataset, TakesKeyNpyWhereOneModalityHoldsArrays) {
  std::string const walk = npy("4, 3", std::vector<float>(12, 1));
  put("folder/walk.npy", walk);
  put("folder/walk.txt", "walking");
  put("folder/walk.video.npy", npy("1,", {1}));  // of another modality
  put("tar/a.tar", TarFixture()
                       .add("walk.npy", walk)
                       .add("walk.video.npy", "")
                       .add("walk.txt", "walking")
                       .end());
  for (char const* form : {"folder", "tar"}) {
    build_form(form, {"motion", "text"});
    EXPECT_EQ(samples_of(out_ / form), (std::map<std::string, std::map<std::string, std::string>>{
                                           {"walk", {{"text", "walking"}, {"motion", walk}}}}))
        << form;
  }
}

TEST_F(BuildDataset, HoldsPictureSoundAndCaptionOfOneSample) {
  std::vector<std::byte> const wave = speak_scene(scene(0), {Draws(1, Purpose::synth), 0});
  std::string const sound = text_of(wave);
  std::map<std::string, std::map<std::string, std::string>> const want{
      {"dog", {{"image", png(1)}, {"text", "a dog"}, {"audio", sound}}}};
  put("folder/dog.png", png(1));
  put("folder/dog.wav", sound);
  put("folder/dog.txt", "a dog");
  put("folder/mute.png", png(2));
  put("folder/mute.txt", "without a sound");
  put("tar/a.tar",
      TarFixture().add("dog.png", png(1)).add("dog.wav", sound).add("dog.txt", "a dog").end());
  put("table/a.tsv", "id\timage\taudio\tcaption\ndog\tdog.png\tdog.wav\ta dog\n");
  put("table/dog.png", png(1));
  put("table/dog.wav", sound);
  for (char const* form : {"folder", "tar", "table"}) {
    BuildReport const report = build_form(form, {"image", "audio", "text"});
    EXPECT_EQ(samples_of(out_ / form), want) << form;
    EXPECT_EQ(report.total_dropped(), 0) << form;
  }
  EXPECT_THAT(read_file(out_ / "folder" / "build-report.json"), HasSubstr("\"no sound\": 1"));
}

TEST_F(BuildDataset, HoldsCaptionsAloneWhereNothingElseIsAskedFor) {
  put("folder/a.txt", "a caption");
  put("folder/a.png", png(1));
  put("tar/a.tar", TarFixture().add("a.png", png(1)).add("a.txt", "a caption").end());
  put("table/a.tsv", "id\tcaption\na\ta caption\n");
  for (char const* form : {"folder", "tar", "table"}) {
    build_form(form, {"text"});
    EXPECT_EQ(
        samples_of(out_ / form),
        (std::map<std::string, std::map<std::string, std::string>>{{"a", {{"text", "a caption"}}}}))
        << form;
  }
}

// Two pictures of one caption, blanks at its ends aside, are on one side, the one they would be on
// with their captions.
TEST_F(BuildDataset, HoldsOutByCaptionsThatAreNotKept) {
  std::string table = "id\timage\tcaption\n";
  TarFixture tar;
  for (int i = 0; i < 60; ++i) {
    std::string const key = fmt::format("{:02}", i),
                      caption = fmt::format("caption {}{}", i / 2, i % 2 ? " " : "");
    table += fmt::format("{}\t{}\t{}\r\n", key, base64(png(i)), caption);
    put("folder/" + key + ".png", png(i));
    put("folder/" + key + ".txt", caption + "\r\n");
    tar.add(key + ".png", png(i)).add(key + ".txt", caption + "\n");
  }
  put("table/a.tsv", table);
  put("tar/a.tar", tar.end());
  auto const held = [&](std::string const& form, std::vector<std::string> const& modalities) {
    build_form(form, modalities, 0.3);
    std::set<std::string> keys;
    for (auto const& [key, sample] : samples_of(out_ / form / "held-out")) keys.insert(key);
    std::filesystem::remove_all(out_ / form);
    return keys;
  };
  std::set<std::string> const captioned = held("table", {"image", "text"});
  EXPECT_GT(captioned.size(), 2u);
  for (std::string const& key : captioned)
    EXPECT_TRUE(captioned.contains(fmt::format("{:02}", std::stoi(key) ^ 1))) << key;
  for (char const* form : {"folder", "table", "tar"})
    EXPECT_EQ(held(form, {"image"}), captioned) << form;
}

TEST_F(BuildDataset, CountsArraysThatAreOfNoModality) {
  std::string const walk = npy("4, 3", std::vector<float>(12, 1));
  TarFixture tar;
  for (std::string const name : {"s1.NPY", "s2.motion.npy", "s2.b.npy"}) {
    put("folder/" + name, walk);
    tar.add(name, walk);
  }
  put("folder/s2.b.txt", "beside it");
  put("folder/s2.png", png(1));
  put("tar/a.tar", tar.end());
  for (char const* form : {"folder", "tar"}) {
    BuildReport const report = build_form(form, {"motion"});
    EXPECT_EQ(report.total_kept(), 2) << form;
    EXPECT_EQ(report.ignored.at("array of none of the modalities"), 1) << form;
  }
  std::filesystem::remove_all(out_ / "folder");
  BuildReport const report = build_form("folder", {"image"});
  EXPECT_TRUE(report.ignored.empty());  // where no arrays are looked for, they are as any file
}

// Whatever their order: KEY.NAME.npy before KEY.npy, and of two pictures the first by name.
TEST_F(BuildDataset, TakesTheBetterNamedOfTwoFilesOfOneModality) {
  std::string const named = npy("1,", {1}), plain = npy("1,", {2});
  put("folder/a.npy", plain);
  put("folder/a.zone.npy", named);
  put("folder/a.jpg", png(1));
  put("folder/a.png", png(2));
  put("tar/a.tar", TarFixture()
                       .add("a.npy", plain)
                       .add("a.zone.npy", named)
                       .add("a.jpg", png(1))
                       .add("a.png", png(2))
                       .end());
  put("backwards/a.tar", TarFixture()
                             .add("a.png", png(2))
                             .add("a.jpg", png(1))
                             .add("a.zone.npy", named)
                             .add("a.npy", plain)
                             .end());
  for (char const* form : {"folder", "tar", "backwards"}) {
    BuildReport const report = build_form(form, {"image", "zone"});
    EXPECT_EQ(samples_of(out_ / form), (std::map<std::string, std::map<std::string, std::string>>{
                                           {"a", {{"image", png(1)}, {"zone", named}}}}))
        << form;
    EXPECT_EQ(report.ignored.at("second file of one modality"), 2) << form;
  }
}

TEST_F(BuildDataset, DropsWhatIsNoArray) {
  put("good.npy", npy("2,", {1, 2}));
  put("picture.npy", png(1));
  put("cut.npy", npy("2,", {1, 2}).substr(0, 100));
  put("infinite.npy", npy("2,", {1, INFINITY}));
  for (char const* key : {"good", "picture", "cut", "infinite"})
    put(fmt::format("{}.txt", key), key);
  BuildOptions o = options();
  o.modalities = {"motion", "text"};
  o.max_bad_share = 0.9;
  BuildReport const report = run(o);
  EXPECT_EQ(report.total_kept(), 1);
  EXPECT_EQ(report.dropped.at("not a NumPy array (.npy)").count, 1);
  EXPECT_EQ(report.dropped.at("array that cannot be decoded").count, 2);
  o.out = folder_ / "header";
  o.check = MediaCheck::header;
  EXPECT_EQ(run(o).total_kept(), 2);  // values are not looked at
}

TEST_F(BuildDataset, RefusesNamesThatNothingCanBeCalled) {
  put("a.npy", npy("2,", {1, 2}));
  for (std::string const name :
       {"", "a/b", "..", "a.b", "Motion", "2d", "key", "label", "checksum", "id", "caption",
        "motion ", "caf\xC3\xA9", "abcdefghijklmnopqrstuvwxyzabcdefg"}) {
    BuildOptions o = options();
    o.modalities = {"text", name};
    EXPECT_THAT(error(o), HasSubstr("64: --modalities: '" + name + "' cannot be")) << name;
  }
  BuildOptions o = options();
  o.modalities = {"motion", "motion"};
  EXPECT_THAT(error(o), HasSubstr("64: --modalities: give each modality once"));
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
