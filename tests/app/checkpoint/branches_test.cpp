// Parts of a model and foreign files at work, through the whole program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/hdf5/hdf5_reader.hpp"
#include "tests/app/support/stored_weights.hpp"
#include "tests/io/interchange/handmade.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

class Branches : public TemporaryFolder {
 protected:
  void SetUp() override {
    run("data synth --out {0}/data --train 64 --held-out 16 --no-audio");
    train("whole", 2, "--set train.global_batch=16");
  }

  /// `accord ARGUMENTS`, in which {0} is the folder.
  void run(std::string const& arguments, int want = 0) const {
    std::string const filled = fmt::format(fmt::runtime(arguments), folder_.string());
    EXPECT_EQ(accord_command(filled, log_), want) << filled << "\n" << text_of(log_);
  }
  void train(std::string const& name, int steps, std::string const& more) const {
    run(fmt::format(
        "train --config {0}/jobs/configs/tiny-vl.toml --set data.train={{0}}/data/train "
        "--set train.steps={1} --set log.directory={{0}}/{2} "
        "--set checkpoint.directory={{0}}/{2}/checkpoints {3}",
        environment("ACCORD_SOURCE_DIR"), steps, name, more));
  }
  std::vector<float> embeddings(std::string const& checkpoint, std::string const& modality) const {
    run("embed --checkpoint " + checkpoint + " --data {0}/data/heldout-captions --out {0}/e.h5");
    return io::Hdf5Reader(folder_ / "e.h5").read<float>("/" + modality + "/embedding");
  }

  fs::path const log_ = folder_ / "log";
};

}  // namespace

TEST_F(Branches, EmbedBitwiseAsTheWholeModel) {
  for (std::string const modality : {"image", "text"}) {
    run("checkpoint export --checkpoint {0}/whole/checkpoints --no-decoder --modalities " +
        modality + " --out {0}/" + modality);
    std::vector<float> const whole = embeddings("{0}/whole/checkpoints", modality);
    EXPECT_EQ(whole.size(), 16u * 32);
    EXPECT_EQ(embeddings("{0}/" + modality, modality), whole);
  }
}

TEST_F(Branches, AreEvaluatedAsTheWholeModel) {
  run("checkpoint export --checkpoint {0}/whole/checkpoints --no-decoder --modalities text,image "
      "--out {0}/pair");
  for (std::string const from : {"whole/checkpoints", "pair"})
    run("eval --task retrieval --data {0}/data/heldout-captions --checkpoint {0}/" + from +
        " --out {0}/" + from + ".json");
  auto const recall = [&](std::string const& file) {
    return nlohmann::json::parse(text_of(folder_ / file)).at("i2t");
  };
  EXPECT_EQ(recall("pair.json"), recall("whole/checkpoints.json"));
}

// At a rate that changes nothing, a run ends with the weights it was given.
TEST_F(Branches, ATrainingRunStartsFromABranchAndFromAnImport) {
  run("checkpoint export --checkpoint {0}/whole/checkpoints --no-decoder --modalities image --out "
      "{0}/image");
  run("checkpoint export --checkpoint {0}/whole/checkpoints --out {0}/whole.pt");
  run("checkpoint import --from {0}/whole.pt --config " + environment("ACCORD_SOURCE_DIR") +
      "/jobs/configs/tiny-vl.toml --out {0}/imported");
  std::string const still =
      "--set train.seed=1 --set train.global_batch=16 --set schedule.learning_rate=1e-30 "
      "--set schedule.min_learning_rate=0.0 --set train.init_from=";
  train("from-image", 1, still + "{0}/image");
  train("from-import", 1, still + "{0}/imported");
  auto const whole = stored_weights(folder_ / "whole/checkpoints");
  auto const from_image = stored_weights(folder_ / "from-image/checkpoints");
  auto const from_import = stored_weights(folder_ / "from-import/checkpoints");
  auto const given = stored_weights(folder_ / "image");
  ASSERT_EQ(from_image.size(), whole.size());
  for (auto const& [name, values] : whole) {
    if (name == "logit_scale") continue;  // begins anew
    EXPECT_EQ(from_import.at(name), values) << name;
    if (given.contains(name)) {
      EXPECT_EQ(from_image.at(name), values) << name;
    }
  }
  EXPECT_NE(from_image.at("text_proj.weight"), whole.at("text_proj.weight"));
}

TEST_F(Branches, FilesThatCannotBeUsedEndWithTheirExitCodes) {
  std::string const import = "checkpoint import --out {0}/none --config " +
                             environment("ACCORD_SOURCE_DIR") +
                             "/jobs/configs/tiny-vl.toml --from ";
  write_file(folder_ / "hostile.pt",
             handmade_torch(pickle_begin + global("os", "system") +
                                text("touch " + (folder_ / "owned").string()) + "\x85R.",
                            {}));
  run(import + "{0}/hostile.pt", 65);
  EXPECT_NE(text_of(log_).find("os.system"), std::string::npos) << text_of(log_);
  EXPECT_FALSE(fs::exists(folder_ / "owned"));
  run(import + "{0}/absent.pt", 65);
  run(import + "{0}/data", 65);
  run("checkpoint export --checkpoint {0}/whole/checkpoints --out {0}/m.unknown", 64);
  run("checkpoint export --checkpoint {0}/whole/checkpoints --out {0}/no/such/folder.pt", 74);
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}
