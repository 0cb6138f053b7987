// What is computed does not depend on ranks and micro-batches (docs/model.md 9.1), through the
// whole program: real data, mpirun, metrics and checkpoints, float64, tiny-vl.toml.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/checkpoint/directory.hpp"
#include "io/checkpoint/verify.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

class Layouts : public TemporaryFolder, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        accord_command(fmt::format("data synth --out '{}' --train 200 --held-out 200 --no-audio",
                                   (folder_ / "data").string()),
                       folder_ / "synth.log"),
        0)
        << text_of(folder_ / "synth.log");
  }

  // Three steps with a checkpoint each; returns the run's folder.
  fs::path train(int ranks, int micro_batch, std::string const& more = "") {
    fs::path run = folder_ / "run" / std::to_string(runs_++);
    int const code = accord_command(
        fmt::format("train --config '{0}/jobs/configs/tiny-vl.toml' --set "
                    "data.train='{1}/data/train' --set train.steps=3 "
                    "--set train.dtype=float64 --set train.micro_batch={2} --set "
                    "train.contrast_gradient={3} "
                    "--set log.directory='{4}' --set checkpoint.directory='{4}/checkpoints' --set "
                    "checkpoint.every_steps=1 "
                    "--set checkpoint.keep=0 --set optimizer.clip_norm=0 "
                    "--set parallel.check_collectives=true {5}",
                    environment("ACCORD_SOURCE_DIR"), folder_.string(), micro_batch, GetParam(),
                    run.string(), more),
        folder_ / "train.log", ranks);
    EXPECT_EQ(code, 0) << text_of(folder_ / "train.log");
    return run;
  }

  // Largest relative distance among tensors whose name begins with `kind`.
  static double distance(fs::path const& a, fs::path const& b, int step, std::string const& kind) {
    auto open = [&](fs::path const& run) {
      return io::open_checkpoint(run / "checkpoints" / fmt::format("step-{:08}", step));
    };
    double largest = 0;
    std::size_t seen = 0;
    io::CheckpointDistance const found = io::distance(open(a), open(b), {});
    EXPECT_TRUE(found.differences.empty());
    for (io::TensorDistance const& tensor : found.tensors)
      if (tensor.tensor.starts_with(kind + "/")) {
        largest = std::max(largest, tensor.relative);
        ++seen;
      }
    EXPECT_GT(seen, 100u) << kind;
    return largest;
  }

  int runs_ = 0;
};

}  // namespace

TEST_P(Layouts, OfRanksAndMicroBatchesChangeNothing) {
  fs::path const one = train(1, 64);
  auto const want = metrics_of(one / "metrics.jsonl");
  ASSERT_EQ(want.size(), 3u);
  struct Cell {
    int ranks, micro_batch;
    std::string more;
  };
  for (Cell const& cell :
       {Cell{1, 16, ""}, Cell{2, 8, ""}, Cell{4, 16, ""},
        Cell{4, 16,
             "--set parallel.pipeline=2 --set parallel.tensor=2 --set parallel.sequence=true"},
        Cell{4, 8,
             "--set parallel.pipeline=2 --set parallel.schedule=interleaved --set "
             "parallel.virtual_stages=2 --set parallel.zero=1"}}) {
    SCOPED_TRACE(
        fmt::format("{} ranks, micro_batch {} {}", cell.ranks, cell.micro_batch, cell.more));
    fs::path const run = train(cell.ranks, cell.micro_batch, cell.more);
    auto const got = metrics_of(run / "metrics.jsonl");
    ASSERT_EQ(got.size(), want.size());
    for (auto const& [step, line] : want)
      for (auto const& [field, value] : line.items()) {
        if (is_timing(field) || !value.is_number()) continue;
        double const w = value.get<double>(), g = got.at(step).at(field).get<double>();
        EXPECT_NEAR(g, w, 1e-11 * std::abs(w)) << field << " of step " << step;
      }
    // After one step from zero moments exp_avg is (1 - beta1) times the gradient: every gradient
    // tensor, unclipped.
    EXPECT_LE(distance(run, one, 1, "exp_avg"), 1e-11);
    EXPECT_LE(distance(run, one, 3, "weight"), 1e-10);
  }
}

INSTANTIATE_TEST_SUITE_P(GradientModes, Layouts, ::testing::Values("exact", "anchor"),
                         [](auto const& info) { return info.param; });

namespace {

// Two ranks started unlike each other; returns what is said, after the exit code 64.
class UnlikeRanks : public TemporaryFolder {
 protected:
  void synth(fs::path const& out, int samples, int held_out = 8) {
    ASSERT_EQ(
        accord_command(fmt::format("data synth --out '{}' --train {} --held-out {} --no-audio",
                                   out.string(), samples, held_out),
                       folder_ / "log"),
        0);
  }
  std::string training(std::string const& data) const {
    return fmt::format(
        "train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{2}' --set "
        "log.directory='{1}' --set checkpoint.directory='{1}/checkpoints'",
        environment("ACCORD_SOURCE_DIR"), (folder_ / "run").string(), data);
  }
  std::string refusal(std::string const& command, fs::path const& first_folder,
                      fs::path const& second_folder, std::string const& second_settings = "") {
    std::string const second =
        fmt::format(" : -n 1 --bind-to none --wdir '{}' '{}' {} {}", second_folder.string(),
                    environment("ACCORD_EXECUTABLE"), command, second_settings);
    EXPECT_EQ(accord_command(command + second, folder_ / "log", 1,
                             fmt::format("--wdir '{}'", first_folder.string())),
              64);
    return text_of(folder_ / "log");
  }
};

}  // namespace

TEST_F(UnlikeRanks, AreToldTheFirstKeyThatDiffers) {
  std::string const said =
      refusal(training("train"), folder_, folder_, "--set train.global_batch=32");
  EXPECT_NE(said.find("'[train] global_batch = 64' on rank 0"), std::string::npos) << said;
  EXPECT_NE(said.find("'[train] global_batch = 32' on rank 1"), std::string::npos) << said;
}

TEST_F(UnlikeRanks, AreToldThatTheirDataDiffer) {
  synth(folder_ / "one", 80);
  synth(folder_ / "two", 81);
  std::string const said = refusal(training("train"), folder_ / "one", folder_ / "two");
  EXPECT_NE(said.find("the index of data source train"), std::string::npos) << said;
}

TEST_F(UnlikeRanks, AreToldThatTheirHeldOutDataDiffer) {
  fs::path const one = folder_ / "one", two = folder_ / "two";
  synth(one, 80, 40);
  synth(two, 80, 8);
  std::string const train =
      training((one / "train").string()) + " --set train.steps=5 --set train.global_batch=16";
  auto const expect_refused = [&](std::string const& command) {
    std::string const said = refusal(command, one, two);
    EXPECT_NE(said.find("the index of heldout-captions is"), std::string::npos) << said;
  };
  expect_refused(train + " --set data.validation=heldout-captions");
  EXPECT_FALSE(fs::exists(folder_ / "run" / "metrics.jsonl"));  // before the first step
  ASSERT_EQ(accord_command(train, folder_ / "log", 1), 0) << text_of(folder_ / "log");
  std::string const inference = fmt::format(" --data heldout-captions --checkpoint '{}'",
                                            (folder_ / "run" / "checkpoints").string());
  expect_refused("eval" + inference);
  expect_refused("embed --out embeddings.h5" + inference);
}
