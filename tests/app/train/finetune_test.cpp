// From pretraining to fine-tuning through the whole program, on the synthetic set: a fine-tuned
// model beats its zero-shot self.

#include <gtest/gtest.h>

#include "io/hdf5/hdf5_reader.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

class Finetune : public TemporaryFolder {
 protected:
  std::string path(std::string const& name) const { return (folder_ / name).string(); }

  void expect_runs(std::string const& arguments, int ranks = 0) {
    ASSERT_EQ(accord_command(arguments, folder_ / "log", ranks), 0) << text_of(folder_ / "log");
  }
  /// `accord train` of a shipped configuration, in the folder `run` of the test's own.
  std::string train(std::string const& config, std::string const& run,
                    std::string const& more) const {
    return fmt::format(
        "train --config '{}/jobs/configs/{}.toml' --set data.train='{}' --set "
        "log.directory='{}' --set checkpoint.directory='{}' --set checkpoint.every_steps=0 "
        "--set schedule.warmup_steps=1 {}",
        environment("ACCORD_SOURCE_DIR"), config, path("data/train"), path(run),
        path(run + "/checkpoints"), more);
  }
  std::string finetune(std::string const& config, std::string const& run,
                       std::string const& more) const {
    return train(
        config, run,
        fmt::format("--set train.init_from='{}' {}", path("pretrained/checkpoints"), more));
  }
  nlohmann::json evaluate(std::string const& run, std::string const& task) {
    std::string const out = path(run + "-" + task + ".json");
    expect_runs(fmt::format("eval --checkpoint '{}' --data '{}' --task {} --out '{}'",
                            path(run + "/checkpoints"), path("data/heldout-captions"), task, out));
    return nlohmann::json::parse(text_of(out));
  }
  std::vector<double> weight(std::string const& run, int step, std::string const& name) const {
    io::Hdf5Reader const file(
        path(fmt::format("{}/checkpoints/step-{:08}/data-0000.h5", run, step)));
    return file.read<double>("weight/encoder_wrapper." + name);
  }

  void pretrain(int steps) {
    expect_runs(
        fmt::format("data synth --out '{}' --train 2000 --held-out 200 --no-audio", path("data")));
    expect_runs(fmt::format("tokenizer train --from '{}' --kind words --out '{}'",
                            path("data/train"), path("tokenizer")));
    expect_runs(train("finetune-retrieval", "pretrained",
                      fmt::format("--set train.init_from='' --set model.layer_position_bias=false "
                                  "--set optimizer.layer_decay=1 --set train.steps={} --set "
                                  "data.tokenizer='{}' --set data.validation=''",
                                  steps, path("tokenizer"))));
  }
  std::string retrieval_keys() const {
    return fmt::format("--set data.tokenizer='{}' --set data.validation='' ", path("tokenizer"));
  }
};

}  // namespace

TEST_F(Finetune, BeatsItsZeroShotSelf) {
  pretrain(100);
  double const zero_shot = evaluate("pretrained", "classify").at("accuracy");
  expect_runs(finetune("finetune-classify", "classify", "--set train.steps=600"));
  nlohmann::json const tuned = evaluate("classify", "classify");
  EXPECT_EQ(tuned.at("count"), 200);
  EXPECT_EQ(tuned.at("classes"), 48);
  EXPECT_GT(tuned.at("accuracy").get<double>(), zero_shot + 0.1);
  EXPECT_GT(metrics_of(path("classify/metrics.jsonl")).rbegin()->second.at("class_accuracy"), 0.2);

  double const before = evaluate("pretrained", "retrieval").at("i2t").at("r5");
  expect_runs(
      finetune("finetune-retrieval", "retrieval", retrieval_keys() + "--set train.steps=100"));
  EXPECT_GT(evaluate("retrieval", "retrieval").at("i2t").at("r5").get<double>(), before + 5);

  // One table for all layers has become one for each, which have gone ways of their own.
  for (char const* modality : {"text", "image"}) {
    std::string const table = std::string(modality) + "_adapter.rel_pos_table_list.";
    EXPECT_NE(weight("retrieval", 100, table + "0.weight"),
              weight("retrieval", 100, table + "1.weight"));
  }
}

TEST_F(Finetune, GoesToAHigherResolution) {
  pretrain(3);
  std::string const larger = "--set modality.image.size=64 --set train.steps=2 ";
  expect_runs(finetune("finetune-retrieval", "once", retrieval_keys() + larger), 2);
  EXPECT_EQ(weight("once", 2, "image_adapter.pos_embed").size(), 64u * 17);
  EXPECT_EQ(weight("once", 2, "image_adapter.rel_pos_table_list.1.weight").size(), 2u * 52);
  // The table keeps its size and is resized at each step.
  expect_runs(finetune("finetune-retrieval", "each-step",
                       retrieval_keys() + larger + "--set modality.image.position_side=2"));
  EXPECT_EQ(weight("each-step", 2, "image_adapter.pos_embed").size(), 64u * 5);
  evaluate("each-step", "retrieval");
  double const a = metrics_of(path("once/metrics.jsonl")).at(2).at("loss");
  double const b = metrics_of(path("each-step/metrics.jsonl")).at(2).at("loss");
  EXPECT_NEAR(a, b, 0.05 * a);  // the first step is the same function
}
