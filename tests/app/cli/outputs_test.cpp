// Where results go, through the whole program: refused before the work, written whole or not at
// all, and not by two at once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

namespace fs = std::filesystem;

class Outputs : public TemporaryFolder {
 protected:
  std::string in(std::string const& name) const { return (folder_ / name).string(); }

  /// Runs `accord ARGUMENTS`; its output must hold every one of `parts`.
  void expect(int code, std::string const& arguments, std::vector<std::string> const& parts = {},
              std::vector<std::string> const& none_of = {}) const {
    fs::path const log = folder_ / "log";
    EXPECT_EQ(accord_command(arguments, log), code) << arguments << "\n" << text_of(log);
    for (std::string const& part : parts) EXPECT_THAT(text_of(log), HasSubstr(part)) << arguments;
    for (std::string const& part : none_of)
      EXPECT_THAT(text_of(log), Not(HasSubstr(part))) << arguments;
  }
  void synth() const {
    expect(0, fmt::format("data synth --out '{}' --train 64 --held-out 8 --no-audio", in("synth")));
  }
  std::string train(std::string const& more) const {
    return fmt::format(
        "train --config '{}/jobs/configs/tiny-vl.toml' --set data.train='{}/train' --set "
        "log.directory='{}' --set checkpoint.directory='{}' --set train.steps=1 {}",
        environment("ACCORD_SOURCE_DIR"), in("synth"), in("run"), in("run/checkpoints"), more);
  }
};

}  // namespace

TEST_F(Outputs, ATrainingThatCouldNotBeSavedDoesNotBegin) {
  synth();
  fs::create_symlink(folder_ / "nothing", folder_ / "dangling");
  for (std::string const key : {"checkpoint.directory", "log.directory"}) {
    for (std::string const& folder :
         {std::string("/proc/nope/ck"), in("dangling"), in("dangling/below")})
      expect(74, train(fmt::format("--set {}='{}'", key, folder)),
             {key, folder.substr(0, folder.find("/below"))}, {"step 1/1"});
    expect(64, train(fmt::format("--set {}=", key)), {key}, {"step 1/1"});
  }
  expect(64, train("--set data.tokenizer="), {"data.tokenizer"}, {"step 1/1"});
  expect(65, train("--set data.validation=/no/where"), {"/no/where"}, {"step 1/1"});
  expect(74,
         train("--set checkpoint.keep=2000000000 --set train.steps=2000000000 --set "
               "checkpoint.every_steps=1"),
         {"checkpoint.directory", "checkpoint.keep"}, {"step 1/"});
  expect(0, fmt::format("data synth --out '{}' --train 1100 --held-out 8 --no-audio --size 16",
                        in("many")));
  expect(64,
         train(fmt::format("--set data.train='{}/train' --set train.steps=0 --set "
                           "train.epochs=9007199254740992 --set train.stop_after_step=1",
                           in("many"))),
         {"train.epochs = 9007199254740992: at 17 steps each", "at most "}, {"step 1/"});
  EXPECT_FALSE(fs::exists(folder_ / "run" / "run.json"));
}

TEST_F(Outputs, ResultsThatCouldNotBeWrittenAreRefusedFirst) {
  synth();
  expect(0, train(""));
  std::string const from = fmt::format("--checkpoint '{}' --data '{}/heldout-pairs'",
                                       in("run/checkpoints"), in("synth"));
  fs::create_symlink(folder_ / "nothing", folder_ / "dangling");
  ASSERT_EQ(::mkfifo(in("pipe").c_str(), 0600), 0);
  std::vector<std::string> const none = {"item 8/8"};
  for (std::string const command : {"eval", "embed"}) {
    for (std::string const& out : {in("no/where"), std::string("/proc/x"), in("dangling")})
      expect(74, fmt::format("{} {} --out '{}'", command, from, out), {"--out", out}, none);
    for (std::string const& out : {std::string(), folder_.string()})
      expect(64, fmt::format("{} {} --out '{}'", command, from, out), {"--out"}, none);
  }
  expect(64, fmt::format("embed {} --out '{}'", from, in("pipe")), {"--out", in("pipe")}, none);
  expect(0, fmt::format("eval {} --out /dev/null", from));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_TRUE(fs::is_fifo(in("pipe")));

  std::string const weights =
      fmt::format("checkpoint export --checkpoint '{}'", in("run/checkpoints"));
  expect(64, weights + " --out ''", {"--out"});
  expect(74, fmt::format("{} --out '{}'", weights, in("no/x.pt")), {"--out", in("no/x.pt")});
  expect(74, weights + " --out /proc/nope/folder", {"--out"});
  write_file(folder_ / "target.safetensors", "old");
  fs::create_symlink(folder_ / "target.safetensors", folder_ / "link.safetensors");
  expect(0, fmt::format("{} --out '{}'", weights, in("link.safetensors")));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.safetensors"));
  EXPECT_GT(fs::file_size(folder_ / "target.safetensors"), 3u);
  for (std::string const& command : {std::string("data synth"), "data build --from " + in("synth"),
                                     "tokenizer train --from " + in("synth/train")}) {
    expect(64, command + " --out ''", {"--out"});
    expect(74, command + " --out /proc/nope/x", {"--out"});
    expect(74, fmt::format("{} --out '{}'", command, in("dangling")), {"--out"});
  }
}

TEST_F(Outputs, AFullStandardOutputIsAnError) {
  synth();
  expect(0, train(""));
  std::string const config = environment("ACCORD_SOURCE_DIR") + "/jobs/configs/tiny-vl.toml";
  for (std::string const& command :
       {"config --config " + config, std::string("config --reference"), std::string("--help"),
        "checkpoint inspect " + in("run/checkpoints"), "data inspect " + in("synth/train"),
        "data verify " + in("synth/train"), std::string("tokenizer encode text"),
        fmt::format("eval --checkpoint {} --data {}", in("run/checkpoints"),
                    in("synth/heldout-pairs"))}) {
    int const status = std::system(fmt::format("'{}' {} >/dev/full 2>'{}'",
                                               environment("ACCORD_EXECUTABLE"), command, in("log"))
                                       .c_str());
    EXPECT_EQ(WEXITSTATUS(status), 74) << command;
    EXPECT_THAT(text_of(folder_ / "log"), HasSubstr("standard output")) << command;
  }
}

TEST_F(Outputs, NamesFromOutsideDoNotControlTheTerminal) {
  std::string const evil = in("evil\x1b[2J\x07");
  write_file(evil, "no TOML\x1b[31m");
  expect(64, fmt::format("config --config '{}'", evil), {"evil\\x1B[2J\\x07"}, {"\x1b"});
  expect(65, fmt::format("data verify '{}'", evil), {"evil\\x1B[2J"}, {"\x1b"});
}

TEST_F(Outputs, TheSecondWriterIsRefusedAndADeadOneReplaced) {
  std::string const synth_here =
      fmt::format("data synth --out '{}' --train 3000 --held-out 8 --no-audio", in("synth"));
  BackgroundProgram first(synth_here, folder_ / "first", 0);
  while (first.running() && !fs::exists(folder_ / "synth" / "train" / ".unfinished"))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_TRUE(first.running());
  expect(64, synth_here, {"in use by accord data synth on "});
  expect(64, fmt::format("data build --from '{}' --out '{}'", in("none"), in("synth/train")),
         {"in use by accord data synth on "});
  first.kill_all();
  std::string const fewer =
      fmt::format("data synth --out '{}' --train 20 --held-out 8 --no-audio", in("synth"));
  expect(0, fewer, {"which runs no more"});
  expect(0, fmt::format("data verify '{}'", in("synth/train")), {"20 samples"});
  EXPECT_FALSE(fs::exists(folder_ / "synth" / "train" / ".unfinished"));
  EXPECT_FALSE(fs::exists(folder_ / "synth" / "lease.json"));
  expect(0, fewer);

  std::string const learn = fmt::format("tokenizer train --from '{}' --size 300 --out '{}'",
                                        in("synth/train"), in("words"));
  fs::create_directories(folder_ / "words");
  write_file(folder_ / "words" / ".unfinished", "");
  write_file(folder_ / "words" / "vocab.json", "{");
  expect(0, learn);
  expect(64, learn, {"vocab.json already exists"});
}
