#include "io/dataset/build.hpp"

#include <cmath>
#include <set>

#include "io/dataset/scene.hpp"
#include "tests/io/dataset/build_fixture.hpp"
#include "tests/io/media/arrays.hpp"

namespace accord::io {
namespace {

using accord::testing::npy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
    EXPECT_EQ(report.ignored.at("array of none of the modalities").count, 1) << form;
  }
  std::filesystem::remove_all(out_ / "folder");
  BuildReport const report = build_form("folder", {"image"});
  // Where no arrays are looked for, they are as any file.
  EXPECT_FALSE(report.ignored.contains("array of none of the modalities"));
  EXPECT_EQ(report.ignored.at("file of no kind looked for").count, 4);
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
    EXPECT_EQ(report.ignored.at("second file of one modality").count, 2) << form;
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

}  // namespace
}  // namespace accord::io
