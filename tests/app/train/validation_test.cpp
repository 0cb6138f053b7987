// Measuring on held-out data while training, through the whole program.

#include <gtest/gtest.h>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

class Validation : public TemporaryFolder {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        accord_command(fmt::format("data synth --out '{}' --train 200 --held-out 200 --no-audio",
                                   (folder_ / "data").string()),
                       log_),
        0)
        << text_of(log_);
  }
  std::string held_out() const { return (folder_ / "data" / "heldout-captions").string(); }
  std::string validated(int every) const {
    return fmt::format("--set data.validation='{}' --set train.validate_every_steps={}", held_out(),
                       every);
  }
  fs::path train(std::string const& name, std::string const& more, int ranks, int want = 0) const {
    fs::path run = folder_ / name;
    int const code = accord_command(
        fmt::format(
            "train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{1}/data/train' "
            "--set train.steps=5 --set train.global_batch=16 --set log.every_steps=2 "
            "--set log.directory='{2}' --set checkpoint.directory='{2}/checkpoints' {3}",
            environment("ACCORD_SOURCE_DIR"), folder_.string(), run.string(), more),
        log_, ranks);
    EXPECT_EQ(code, want) << text_of(log_);
    return run;
  }

  fs::path log_ = folder_ / "log";
};

}  // namespace

TEST_F(Validation, ChangesNoBitOfTrainingAndMeasuresWhatEvalMeasures) {
  struct Layout {
    std::string name, options;
    int eval_ranks;  // as many as there are replicas: the same batches
  };
  for (auto const& [name, layout, eval_ranks] :
       {Layout{"replicas", "", 2}, Layout{"stages", "--set parallel.pipeline=2 ", 1}}) {
    SCOPED_TRACE(name);
    fs::path const plain = train("plain-" + name, layout, 2);
    fs::path const run = train(name, layout + validated(2), 2);
    auto const want = metrics_of(plain / "metrics.jsonl"), got = metrics_of(run / "metrics.jsonl");
    ASSERT_EQ(got.size(), want.size());
    for (auto const& [step, line] : want)
      for (auto const& [field, value] : line.items())
        if (!is_timing(field)) {
          EXPECT_EQ(got.at(step).at(field), value) << field << " of step " << step;
        }
    EXPECT_FALSE(fs::exists(plain / "validation.jsonl"));

    auto const lines = metrics_of(run / "validation.jsonl");
    ASSERT_EQ(lines.size(), 3u);  // steps 2, 4 and the last
    ASSERT_TRUE(lines.contains(2) && lines.contains(4) && lines.contains(5));
    fs::path const out = folder_ / "eval.json";
    ASSERT_EQ(accord_command(fmt::format("eval --checkpoint '{}' --data '{}' --out '{}'",
                                         (run / "checkpoints").string(), held_out(), out.string()),
                             log_, eval_ranks),
              0)
        << text_of(log_);
    nlohmann::json const eval = nlohmann::json::parse(text_of(out));
    for (char const* direction : {"i2t", "t2i"})
      for (char const* rank : {"r1", "r5", "r10"})
        EXPECT_EQ(lines.at(5).at(fmt::format("{}_{}", direction, rank)), eval[direction][rank]);
  }
}

TEST_F(Validation, DoesNotDependOnHowRanksShareTheWork) {
  std::string const wide = validated(0) + " --set train.dtype=float64";
  std::string const want = text_of(train("one", wide, 1) / "validation.jsonl");
  EXPECT_NE(want.find("i2t_r10"), std::string::npos);
  std::string const split_rows = " --set parallel.tensor=2 --set parallel.sequence=true",
                    chunks =
                        " --set parallel.pipeline=2 --set parallel.virtual_stages=2 "
                        "--set parallel.schedule=interleaved --set train.micro_batch=4",
                    checked = " --set parallel.check_collectives=true";
  EXPECT_EQ(text_of(train("split", wide + split_rows, 4) / "validation.jsonl"), want);
  EXPECT_EQ(text_of(train("chunks", wide + chunks, 4) / "validation.jsonl"), want);
  EXPECT_EQ(text_of(train("all", wide + split_rows + chunks + checked, 4) / "validation.jsonl"),
            want);
}

TEST_F(Validation, NeedsNoSampleForEveryReplica) {
  ASSERT_EQ(accord_command(fmt::format("data synth --out '{}' --train 8 --held-out 3 --no-audio",
                                       (folder_ / "few").string()),
                           log_),
            0)
      << text_of(log_);
  std::string const few = fmt::format("--set data.validation='{}' --set train.dtype=float64",
                                      (folder_ / "few" / "heldout-captions").string());
  std::string const want = text_of(train("one", few, 1) / "validation.jsonl");
  EXPECT_NE(want.find("i2t_r10"), std::string::npos);
  EXPECT_EQ(text_of(train("replicas", few, 4) / "validation.jsonl"), want);
  EXPECT_EQ(text_of(train("stages", few + " --set parallel.pipeline=2", 8) / "validation.jsonl"),
            want);
}

TEST_F(Validation, IsCutBackAndGoesOnWhereTrainingIsResumed) {
  fs::path const whole = train("whole", validated(1), 1);
  train("stopped", validated(1) + " --set train.stop_after_step=3", 1, 75);
  std::ofstream(folder_ / "stopped" / "validation.jsonl", std::ios::app)
      << "{\"step\": 4, \"i2t_r1\": -1.0}\n";  // of a step after the checkpoint, and then a kill
  fs::path const stopped = train("stopped", validated(1), 1);
  EXPECT_EQ(text_of(stopped / "validation.jsonl"), text_of(whole / "validation.jsonl"));
}

TEST_F(Validation, WithoutUsableDataIsRefusedBeforeTheFirstStep) {
  train("missing", "--set data.validation=/no/such/folder", 1, 65);
  EXPECT_NE(text_of(log_).find("/no/such/folder"), std::string::npos);
  train("unset", "--set train.validate_every_steps=2", 1, 64);
  EXPECT_NE(text_of(log_).find("needs data.validation"), std::string::npos);
}
