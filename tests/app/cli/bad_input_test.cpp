// What a user can get wrong, through the whole program: a message that names it, the exit code of
// the README, and nothing left half done.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/dataset/tar_fixture.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;
using ::testing::HasSubstr;

namespace {

namespace fs = std::filesystem;

class BadInput : public TemporaryFolder {
 protected:
  /// Runs `accord ARGUMENTS`; its output must hold every one of `parts`.
  void expect(int code, std::string const& arguments, std::vector<std::string> const& parts,
              int ranks = 0) const {
    fs::path const log = folder_ / "log";
    EXPECT_EQ(accord_command(arguments, log, ranks), code) << arguments << "\n" << text_of(log);
    for (std::string const& part : parts) EXPECT_THAT(text_of(log), HasSubstr(part)) << arguments;
  }
  std::string path(std::string const& name) const { return (folder_ / name).string(); }
  static std::string tiny() {
    return environment("ACCORD_SOURCE_DIR") + "/jobs/configs/tiny-vl.toml";
  }
  static std::string picture(std::string const& name) {
    return text_of(environment("ACCORD_SOURCE_DIR") + "/tests/data/images/" + name);
  }
  std::string train(std::string const& more) const {
    return fmt::format(
        "train --config '{}' --set log.directory='{}' --set "
        "checkpoint.directory='{}' {}",
        tiny(), path("run"), path("run/checkpoints"), more);
  }
  /// A dataset of one shard.
  fs::path dataset() const {
    fs::path const data = folder_ / "data";
    expect(0,
           fmt::format("data synth --out '{}' --train 80 --held-out 8 --no-audio", data.string()),
           {});
    return data / "train";
  }
  void expect_no_run() const { EXPECT_FALSE(fs::exists(folder_ / "run" / "run.json")); }
};

}  // namespace

TEST_F(BadInput, CommandsAndKeysThatDoNotExist) {
  expect(64, "frobnicate", {"unknown command or option 'frobnicate'"});
  expect(64, "train", {"--config is required"});
  expect(64, train("--set data.trian=x"), {"unknown key data.trian; did you mean data.train?"});
  std::string text = text_of(tiny());
  std::size_t const at = text.find("global_batch");
  write_file(folder_ / "typo.toml", text.replace(at, 12, "gobal_batch"));
  expect(64, fmt::format("train --config '{}'", path("typo.toml")),
         {"typo.toml:", "unknown key train.gobal_batch; did you mean train.global_batch?"});
  expect(64, "train --config /no/such.toml", {"/no/such.toml"});
  expect_no_run();
}

TEST_F(BadInput, BatchesThatDoNotDivide) {
  std::string const data = fmt::format("--set data.train='{}' ", dataset().string());
  expect(64, train(data), {"cannot be shared by 3 data-parallel ranks; use one of 1, 2, 4"}, 3);
  expect(64, train(data + "--set train.micro_batch=5"), {"train.micro_batch = 5"});
  expect(64, train(data + "--set train.global_batch=63"), {"train.global_batch = 63"});
  expect(65, train(data + "--set train.global_batch=1000"),
         {"80 samples, fewer than one global batch of 1000"});
  expect_no_run();
}

TEST_F(BadInput, DatasetsThatAreMissingTruncatedOrForeign) {
  expect(65, train("--set data.train=/no/where"), {"/no/where: not a folder"});
  fs::path const data = dataset(), shard = data / "shard-00000.h5";
  std::string const sound = text_of(shard);
  std::string const run = train(fmt::format("--set data.train='{}'", data.string()));
  std::string const verify = fmt::format("data verify '{}'", data.string());
  for (std::string const& bytes : {sound.substr(0, sound.size() - 1), std::string("no HDF5\n")}) {
    write_file(shard, bytes);
    expect(65, run, {"shard-00000.h5", "truncated or was replaced"});
    expect(65, verify, {"shard-00000.h5"});
  }
  std::string damaged = sound;
  damaged[40] = static_cast<char>(damaged[40] ^ 1);  // in HDF5's own header
  write_file(shard, damaged);
  expect(65, run, {"shard-00000.h5", "differs from the hash"});
  // A shard is opened when its first sample is due: the run had begun, and says how it ended.
  EXPECT_THAT(text_of(folder_ / "run" / "run.json"), HasSubstr("failed: "));
  write_file(data / "index.json", "{}");
  expect(65, run, {"index.json"});
}

TEST_F(BadInput, FilesAndCheckpointsThatAreNone) {
  write_file(folder_ / "foreign.h5", "a text");
  std::string const whole =
      text_of(environment("ACCORD_SOURCE_DIR") + "/tests/data/reference/unit_geglu_ffn.h5");
  write_file(folder_ / "cut.h5", whole.substr(0, whole.size() / 2));
  expect(65, fmt::format("verify '{}'", path("foreign.h5")), {"not a readable HDF5 file"});
  expect(65, fmt::format("verify '{}'", path("cut.h5")), {"cut.h5"});
  expect(65, fmt::format("verify '{}'", path("none.h5")), {"none.h5: no such file"});
  expect(65, fmt::format("eval --checkpoint '{}' --data x", path("none")),
         {"neither a checkpoint"});
  fs::create_directories(folder_ / "step-00000001");
  write_file(folder_ / "step-00000001" / "manifest.json", "{}");
  expect(65, fmt::format("checkpoint verify '{}'", path("step-00000001")), {"manifest.json"});
}

TEST_F(BadInput, FoldersThatCannotBeWritten) {
  write_file(folder_ / "file", "");
  std::string const run = fmt::format(
      "train --config '{}' --set data.train='{}' --set checkpoint.directory='{}' "
      "--set log.directory='{}'",
      tiny(), dataset().string(), path("checkpoints"), path("file/inside"));
  expect(74, run, {"file/inside: cannot make this folder"});
}

TEST_F(BadInput, ArchivesThatAreBrokenOrLeadOutOfThemselves) {
  std::string const bytes = picture("grey.jpg");
  std::string const sound = io::TarFixture().add("a.jpg", bytes).add("a.txt", "fine").end();
  auto const build = [&](std::string const& name, std::string const& more = "") {
    return fmt::format("data build --from '{}' --out '{}' {}", path(name), path("out"), more);
  };
  write_file(folder_ / "cut.tar", sound.substr(0, 700));
  expect(65, build("cut.tar"), {"cut.tar", "truncated"});
  std::string flipped = sound;
  flipped[0] = 'b';
  write_file(folder_ / "flipped.tar", flipped);
  expect(65, build("flipped.tar"), {"flipped.tar", "checksum is wrong"});
  EXPECT_FALSE(fs::exists(folder_ / "out" / "index.json"));

  write_file(folder_ / "out.tar", io::TarFixture()
                                      .add("a.jpg", bytes)
                                      .add("a.txt", "fine")
                                      .add("../../climbed.jpg", bytes)
                                      .add("../../climbed.txt", "not fine")
                                      .end());
  expect(65, build("out.tar"), {"../../climbed.jpg: a path that leads out of the archive"});
  expect(0, build("out.tar", "--max-bad-share 0.9"), {"1 sample", "leads out of the archive"});
  EXPECT_FALSE(fs::exists(folder_.parent_path() / "climbed.jpg"));
  EXPECT_FALSE(fs::exists(folder_.parent_path().parent_path() / "climbed.jpg"));
}

TEST_F(BadInput, PicturesAndCaptionsOfEveryKind) {
  fs::create_directories(folder_ / "in");
  auto const add = [&](std::string const& name, std::string const& bytes,
                       std::string const& caption) {
    write_file(folder_ / "in" / name, bytes);
    write_file((folder_ / "in" / name).replace_extension(".txt"), caption);
  };
  for (std::string const name : {"cmyk.jpg", "colour16.png", "grey.jpg", "grey16.png",
                                 "grey_alpha.png", "alpha.webp", "palette.png"})
    add("good-" + name.substr(0, name.find('.')) + name.substr(name.find('.')), picture(name), "a");
  add("animated.webp", picture("animated.webp"), "an animation");
  add("text.jpg", "this is a text", "a text named .jpg");
  add("cut.jpg", picture("colour.jpg").substr(0, 300), "half a picture");
  add("silent.png", picture("grey.png"), " \n");
  add("latin.png", picture("grey.png"), "caf\xe9");
  std::string const build =
      fmt::format("data build --from '{}' --out '{}'", path("in"), path("out"));
  expect(65, build, {"an animated WebP", "text: 14 bytes", "empty caption", "not UTF-8"});
  EXPECT_FALSE(fs::exists(folder_ / "out" / "index.json"));
  expect(0, build + " --max-bad-share 0.5", {"7 samples"});
  auto const report = nlohmann::json::parse(text_of(folder_ / "out" / "build-report.json"));
  EXPECT_EQ(report.at("total_kept"), 7);
  EXPECT_EQ(report.at("total_dropped"), 5);
  EXPECT_THAT(report.dump(), HasSubstr("cut: a damaged JPEG: Premature end of JPEG file"));
}
