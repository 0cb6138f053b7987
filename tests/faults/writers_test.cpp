// Commands that write, on a disk that fails once: they end with 74, and run again they give what
// they would have given. Or, where the failure passed, they end with 0 and have given it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

namespace {

using namespace accord;
using namespace accord::testing;
namespace fs = std::filesystem;

constexpr int io = 74;

class Writers : public TemporaryFolder {
 protected:
  /// Of `calls` that change files about so many fail, one at a time.
  static constexpr int samples = 4;

  Writers() {
    run(fmt::format("data synth --out '{}' --train 24 --held-out 8 --no-audio --size 16",
                    in("synth")));
    write_file(folder_ / "small.toml", R"([model]
embed_dim = 16
layers = 1
heads = 2
ffn_dim = 16
[model.decoder]
embed_dim = 8
layers = 1
heads = 2
ffn_dim = 16
[[modality]]
name = "text"
adapter = "token"
positions = 34
vocabulary = 260
bucket_size = 8
[[modality]]
name = "image"
adapter = "patch"
size = 32
[data]
max_tokens = 32
[loss]
denoising_pool = 2
[train]
stage = 1
steps = 1
global_batch = 8
init = "dense"
)");
  }

  std::string in(std::string const& name) const { return (folder_ / name).string(); }
  std::string out() const { return in("out/result"); }

  int run(std::string const& arguments, int call = 0, int error = 0) const {
    std::string const faults = fmt::format(
        "LD_PRELOAD='{}' FAULT_PATH='{}' FAULT_CALL={} FAULT_ERROR={} FAULT_COUNT='{}' timeout 60 ",
        environment("ACCORD_FAILING_DISK"), out(), call, error, in("count"));
    int const status =
        std::system(fmt::format("{} '{}' {} >'{}' 2>&1 </dev/null", faults,
                                environment("ACCORD_EXECUTABLE"), arguments, in("log"))
                        .c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

  /// The files of the result, by name.
  std::map<std::string, std::string> result() const {
    std::map<std::string, std::string> files;
    if (fs::is_regular_file(out())) files[""] = text_of(out());
    if (fs::is_directory(out()))
      for (auto const& entry : fs::recursive_directory_iterator(out()))
        if (entry.is_regular_file())
          files[fs::relative(entry.path(), out()).string()] = text_of(entry.path());
    return files;
  }

  void prepare(std::string const& before) const {
    fs::remove_all(folder_ / "out");
    fs::create_directories(folder_ / "out");
    if (!before.empty()) fs::copy(before, out(), fs::copy_options::recursive);
  }

  /// `before`: a folder that the result's starts as.
  void expect_nothing_lost(std::string const& command, std::string const& before = "") const {
    prepare(before);
    ASSERT_EQ(run(command), 0) << command << text_of(folder_ / "log");
    auto const whole = result();
    ASSERT_FALSE(whole.empty());
    int const calls = std::stoi(text_of(folder_ / "count"));
    ASSERT_GT(calls, 3);
    for (int const error : {ENOSPC, EIO})
      for (int k = error == EIO; k < samples; ++k) {
        int const call = 1 + k * (calls - 1) / (samples - 1);
        SCOPED_TRACE(fmt::format("{}: call {} of {}, error {}", command, call, calls, error));
        prepare(before);
        int const code = run(command, call, error);
        EXPECT_TRUE(code == 0 || code == io) << code << text_of(folder_ / "log");
        if (code == io && result() != whole) {
          EXPECT_EQ(run(command), 0) << text_of(folder_ / "log");
        }
        EXPECT_TRUE(result() == whole) << "exit " << code << text_of(folder_ / "log");
      }
  }

  /// A folder with what `data build` and `tokenizer train` read.
  std::string pictures(std::string const& name) const {
    fs::create_directories(folder_ / name);
    std::string const picture =
        text_of(environment("ACCORD_SOURCE_DIR") + "/tests/data/images/grey.jpg");
    for (int i = 0; i < 3; ++i) {
      write_file(folder_ / name / fmt::format("{}{}.jpg", name, i), picture);
      write_file(folder_ / name / fmt::format("{}{}.txt", name, i), "a caption");
    }
    return in(name);
  }
  std::string checkpoint() const {
    std::string const train = fmt::format(
        "train --config '{0}' --set data.train='{1}/train' --set log.directory='{2}' --set "
        "checkpoint.directory='{2}/checkpoints'",
        in("small.toml"), in("synth"), in("run"));
    EXPECT_EQ(run(train), 0) << text_of(folder_ / "log");
    return in("run/checkpoints/step-00000001");
  }
};

TEST_F(Writers, Synth) {
  expect_nothing_lost(
      fmt::format("data synth --out '{}' --train 4 --held-out 2 --no-audio --size 16", out()));
}

TEST_F(Writers, Build) {
  expect_nothing_lost(fmt::format("data build --from '{}' --out '{}'", pictures("a"), out()));
}

TEST_F(Writers, Append) {
  ASSERT_EQ(run(fmt::format("data build --from '{}' --out '{}'", pictures("a"), in("begun"))), 0);
  expect_nothing_lost(
      fmt::format("data build --append --from '{}' --out '{}'", pictures("b"), out()), in("begun"));
}

TEST_F(Writers, Tokenizer) {
  expect_nothing_lost(fmt::format(
      "tokenizer train --from '{}/train' --kind bpe --size 300 --out '{}'", in("synth"), out()));
}

TEST_F(Writers, Embed) {
  expect_nothing_lost(fmt::format("embed --checkpoint '{}' --data '{}/heldout-pairs' --out '{}'",
                                  checkpoint(), in("synth"), out()));
}

TEST_F(Writers, ExportAndImport) {
  std::string const from = checkpoint();
  expect_nothing_lost(fmt::format("checkpoint export --checkpoint '{}' --out '{}'", from, out()));
  std::string const file = in("weights.safetensors");
  ASSERT_EQ(run(fmt::format("checkpoint export --checkpoint '{}' --out '{}'", from, file)), 0);
  expect_nothing_lost(fmt::format("checkpoint import --from '{}' --config '{}' --out '{}'", file,
                                  in("small.toml"), out()));
}

}  // namespace
