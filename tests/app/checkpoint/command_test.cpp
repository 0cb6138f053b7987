// `accord checkpoint` from its command line on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "app/cli/commands.hpp"
#include "core/base/error.hpp"
#include "core/comm/self_communicator.hpp"
#include "io/checkpoint/save.hpp"
#include "io/file/file.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

namespace {

class CheckpointCommand : public TemporaryFolder {
 protected:
  fs::path save(std::string const& directory, Index step, float last = 3) {
    SelfCommunicator self;
    Queue queue(Backend::reference);
    float const values[] = {1, 2, last}, average = 0;
    return io::save_checkpoint(self, queue, folder_ / directory, step,
                               {{"weight", "norm.weight", Shape{3}, DType::float32},
                                {"exp_avg", "logit_scale", Shape{}, DType::float32}},
                               {{0, 0, 3, values}, {1, 0, 1, &average}},
                               {"[data]\ntrain = \"x\"\n[train]\nsteps = 10\n",
                                "{\"position\":640}",
                                "",
                                {{"vocab.bpe", "abc"}},
                                {.conditions = {.device = "cpu"}}},
                               {});
  }

  /// Standard output of `accord checkpoint ARGUMENTS`. \throws what the command throws
  std::string output(std::string const& arguments) {
    CLI::App program;
    app::Run run;
    app::add_checkpoint(program, run);
    program.parse("checkpoint " + arguments);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      run();
    } catch (...) {
      output_ = testing::internal::GetCapturedStdout();
      testing::internal::GetCapturedStderr();
      throw;
    }
    testing::internal::GetCapturedStderr();
    return testing::internal::GetCapturedStdout();
  }
  std::string output_;  ///< of a command that threw
};

}  // namespace

TEST_F(CheckpointCommand, InspectShowsWhatACheckpointHolds) {
  std::string const folder = save("a", 20).string();
  EXPECT_THAT(output("inspect " + folder),
              AllOf(HasSubstr("step         20\n"), HasSubstr("parameters   3\n"),
                    HasSubstr("tensors      2 (1 exp_avg float32, 1 weight float32)"),
                    HasSubstr("{\"position\":640}"), HasSubstr("vocab.bpe (3 B)"),
                    HasSubstr("device       cpu"), HasSubstr("  steps = 10\n"),
                    Not(HasSubstr("train = \"x\""))));
  EXPECT_EQ(output("inspect --config " + folder), "[data]\ntrain = \"x\"\n[train]\nsteps = 10\n");
  EXPECT_EQ(output("inspect --tensors " + folder),
            "weight/norm.weight [3] float32\nexp_avg/logit_scale [] float32\n");
}

TEST_F(CheckpointCommand, InspectListsAFolderAndSaysWhatIsNotUsable) {
  save("a", 20);
  fs::path const newest = save("a", 30);
  fs::resize_file(newest / io::manifest_name, 50);
  EXPECT_THAT(output("inspect " + (folder_ / "a").string()),
              AllOf(HasSubstr("30  not usable"), HasSubstr("step         20\n")));
}

TEST_F(CheckpointCommand, VerifyNamesDamageAndFails) {
  fs::path const folder = save("a", 20);
  EXPECT_THAT(output("verify " + folder.string()), HasSubstr("every byte as it was written"));
  io::OpenCheckpoint const checkpoint = io::open_checkpoint(folder);
  {
    io::File file = io::File::open_write(folder / "data-0000.h5");
    std::byte const value{0x55};
    file.write_at(checkpoint.manifest.tensors[0].offset, {&value, 1});
  }
  EXPECT_THROW(output("verify " + (folder_ / "a").string()), DataError);
  EXPECT_THAT(output_, HasSubstr("weight/norm.weight"));
}

TEST_F(CheckpointCommand, VerifyAgainstPrintsDistances) {
  std::string const a = save("a", 20).string(), b = save("b", 21, 3.5f).string();
  EXPECT_THAT(output("verify " + a + " --against " + b),
              AllOf(HasSubstr("5.000e-01"), HasSubstr("weight/norm.weight"),
                    HasSubstr("1 of 2 tensors equal")));
  EXPECT_THAT(output("verify " + a + " --against " + a + " --tolerance 0"),
              HasSubstr("2 of 2 tensors equal"));
  EXPECT_THROW(output("verify " + a + " --against " + b + " --tolerance 0.1"), DataError);
  EXPECT_NO_THROW(output("verify " + a + " --against " + b + " --tolerance 0.2"));
  EXPECT_THROW(output("verify " + a + " --tolerance 0.2"), CLI::RequiresError);
}

TEST_F(CheckpointCommand, RefusesWhatIsNoCheckpoint) {
  EXPECT_THROW(output("inspect " + (folder_ / "none").string()), DataError);
  EXPECT_THROW(output("verify " + (folder_ / "none").string()), DataError);
}
