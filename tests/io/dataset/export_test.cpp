#include "io/dataset/export.hpp"

#include "io/dataset/scene.hpp"
#include "tests/io/dataset/build_fixture.hpp"
#include "tests/io/media/arrays.hpp"

namespace accord::io {
namespace {

using accord::testing::npy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Export : public BuildDataset {
 protected:
  void export_it(bool number_keys = false) const {
    export_webdataset(Dataset::open(out_), {folder_ / "tars", number_keys}, [](Index) {});
  }
  std::string export_error() const {
    try {
      export_it();
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }
  /// Builds what was exported and expects the shards that are there, byte for byte.
  void expect_round_trip(BuildOptions o) const {
    export_it();
    o.source.from = {folder_ / "tars"};
    o.out = folder_ / "again";
    run(o);
    for (auto const& [name, content] : contents(out_)) {
      if (!name.ends_with(".h5")) continue;
      EXPECT_TRUE(read_file(o.out / name) == content) << name;
    }
    EXPECT_EQ(Dataset::open(o.out).index().classes, Dataset::open(out_).index().classes);
  }
};

TEST_F(Export, GivesBackWhatItWasBuiltFrom) {
  std::vector<std::byte> const wave = speak_scene(scene(0), {Draws(1, Purpose::synth), 0});
  std::string const far(240, 'n');
  TarFixture tar;
  int number = 0;
  for (std::string const& key : {std::string("a"), std::string("dir.x/b"), far,
                                 std::string("gr\xC3\xBC\xC3\x9F"), std::string("e f")}) {
    tar.add_pax(key + ".png", png(++number)).add_pax(key + ".wav", text_of(wave));
    tar.add_pax(key + ".motion.npy", npy("2,", {1, static_cast<float>(number)}));
    if (number % 2 == 0) tar.add_pax(key + ".txt", fmt::format("caption {}\nof two lines", number));
    tar.add_pax(key + ".json",
                fmt::format(R"({{"label": "class {}", "caption": ["one \"{}\"", "zw\u00f6lf"]}})",
                            number % 2, number));
  }
  put("0.tar", tar.end());
  BuildOptions o = options();
  o.modalities = {"image", "audio", "text", "motion"};
  o.source.label = "label";
  run(o);
  ASSERT_EQ(Dataset::open(out_).size(), 5);
  expect_round_trip(o);
  EXPECT_THAT(export_error(), HasSubstr("00000.tar already exists"));
}

TEST_F(Export, KeepsNumbersOfClassesAndSeveralClasses) {
  put("0.tar", TarFixture()
                   .add("a.png", png(1))
                   .add("a.txt", "one")
                   .add("a.cls", "7")
                   .add("a.json", R"({"kinds": "cat,dog"})")
                   .end());
  BuildOptions o = options();
  o.source.label = "cls";
  run(o);
  expect_round_trip(o);
  for (char const* name : {"out", "again", "tars"}) std::filesystem::remove_all(folder_ / name);
  o.source.label = "kinds";
  o.classes = {"bird", "cat", "dog"};
  run(o);
  o.source.label = "label";
  expect_round_trip(o);
}

TEST_F(Export, RefusesWhatAnArchiveCannotHold) {
  put("0.png", png(0));
  put("1.png", png(1));
  put("t.tsv", "id\timage\tcaption\na.b\t0.png\tone\n../c\t1.png\ttwo\n");
  run(options());
  EXPECT_THAT(export_error(), HasSubstr("sample 0 (key 'a.b'): no name that is read back"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tars" / "00000.tar.tmp"));
  export_it(/*number_keys=*/true);
  BuildOptions o = options();
  o.source.from = {folder_ / "tars"};
  o.out = folder_ / "again";
  run(o);
  EXPECT_THAT(captions(o.out), ElementsAre("one", "two"));
  EXPECT_EQ(Dataset::open(o.out).read(1).key, "000000001");

  for (char const* name : {"out", "tars"}) std::filesystem::remove_all(folder_ / name);
  put("t.tsv", "id\timage\tcaption\na\t0.png\tone\na\t1.png\tone\n");
  run(options());
  EXPECT_THAT(export_error(), HasSubstr("2 items of image"));
}

}  // namespace
}  // namespace accord::io
