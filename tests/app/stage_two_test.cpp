// Stage 2 through the whole program: started from a checkpoint of stage 1, it leaves what is frozen
// as it was to the bit, passes the pictures' weights on, and can be evaluated on all three
// modalities; ranks change nothing.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "io/checkpoint/directory.hpp"
#include "io/checkpoint/verify.hpp"
#include "tests/app/stored_weights.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

class StageTwo : public TemporaryFolder {
 protected:
  void SetUp() override {
    run("data synth --out '{0}/data' --train 64 --held-out 64");
    run("train --config '{1}/jobs/configs/tiny-vl.toml' --set data.train='{0}/data/train' "
        "--set train.steps=1 --set train.global_batch=8 --set train.dtype=float64 "
        "--set log.directory='{0}/vl' --set checkpoint.directory='{0}/vl/checkpoints'");
  }

  void run(std::string const& command, int ranks = 0) {
    ASSERT_EQ(accord_command(fmt::format(fmt::runtime(command), folder_.string(),
                                         environment("ACCORD_SOURCE_DIR")),
                             folder_ / "log", ranks),
              0)
        << command << "\n"
        << text_of(folder_ / "log");
  }

  void train(std::string const& name, int steps, int ranks = 0) {
    run(fmt::format(
            "train --config '{{1}}/jobs/configs/tiny-al.toml' "
            "--set data.train='{{0}}/data/train' --set train.init_from='{{0}}/vl/checkpoints' "
            "--set train.steps=3 --set train.stop_after_step={0} --set train.global_batch=8 "
            "--set train.dtype=float64 --set log.directory='{{0}}/{1}' "
            "--set checkpoint.directory='{{0}}/{1}/checkpoints' "
            "--set checkpoint.every_steps=1 --set checkpoint.keep=0",
            steps, name),
        ranks);
  }

  io::OpenCheckpoint checkpoint(std::string const& name) const {
    return io::open_or_find(folder_ / name / "checkpoints", {});
  }
  std::map<std::string, std::vector<double>> weights(std::string const& name) const {
    return stored_weights(folder_ / name / "checkpoints");
  }
};

bool trains_in_stage_two(std::string const& name) {
  for (char const* part : {"decoder_", "text_mask_", "audio_mask_"})
    if (name.starts_with(part)) return true;
  return name.find("audio") != std::string::npos || name == "logit_scale";
}

}  // namespace

TEST_F(StageTwo, TrainsExactlyThePublishedPartsAndCarriesTheRest) {
  train("al", 3);
  auto const before = weights("vl"), after = weights("al");
  std::size_t changed = 0, same = 0, carried = 0;
  for (auto const& [name, value] : before) {
    ASSERT_TRUE(after.contains(name)) << name;
    bool const of_pictures = name.find("image") != std::string::npos;
    bool const unused = name == "decoder_wrapper.text_adapter.cls_embedding";
    if (name == "logit_scale") continue;  // begins anew
    if (!of_pictures && trains_in_stage_two(name) && !unused) {
      EXPECT_NE(after.at(name), value) << name;
      ++changed;
    } else {
      EXPECT_EQ(after.at(name), value) << name;
      ++(of_pictures ? carried : same);
    }
  }
  EXPECT_GT(changed, 20u);
  EXPECT_GT(same, 40u);
  EXPECT_GT(carried, 40u);
  for (auto const& [name, value] : after)
    EXPECT_TRUE(before.contains(name) || name.find("audio") != std::string::npos) << name;
  // Moments exist of what trains alone.
  for (io::StoredTensor const& tensor : checkpoint("al").manifest.tensors)
    if (tensor.info.kind == "exp_avg") {
      EXPECT_TRUE(trains_in_stage_two(tensor.info.name)) << tensor.info.name;
    }
}

TEST_F(StageTwo, IsTheSameOnTwoRanksAndAfterAStop) {
  train("whole", 3);
  run("train --config '{1}/jobs/configs/tiny-al.toml' --set data.train='{0}/data/train' "
      "--set train.steps=1 --set train.global_batch=8 --set train.dtype=float64 "
      "--set log.directory='{0}/fresh' --set checkpoint.directory='{0}/fresh/checkpoints'");
  EXPECT_FALSE(checkpoint("fresh").manifest.documents.run.contains("carried_from"));
  auto const want = weights("whole");
  std::string const stopped =
      "train --config '{1}/jobs/configs/tiny-al.toml' --set data.train='{0}/data/train' "
      "--set train.init_from='{0}/vl/checkpoints' --set train.steps=3 --set train.global_batch=8 "
      "--set train.dtype=float64 --set log.directory='{0}/two' --set checkpoint.keep=1 "
      "--set checkpoint.directory='{0}/two/checkpoints' --set checkpoint.every_steps=1 ";
  ASSERT_EQ(accord_command(fmt::format(fmt::runtime(stopped + "--set train.stop_after_step=1"),
                                       folder_.string(), environment("ACCORD_SOURCE_DIR")),
                           folder_ / "log", 2),
            75)
      << text_of(folder_ / "log");
  run(stopped, 1);
  auto const got = weights("two");
  ASSERT_EQ(got.size(), want.size());
  for (auto const& [name, value] : want) {
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      difference += std::pow(got.at(name)[i] - value[i], 2);
      norm += std::pow(value[i], 2);
    }
    EXPECT_LE(std::sqrt(difference), 1e-10 * std::sqrt(norm)) << name;
  }
  EXPECT_TRUE(io::verify_checkpoint(checkpoint("two"), {}).empty());
  // The file written once is the same in every checkpoint.
  EXPECT_GE(fs::hard_link_count(checkpoint("whole").folder / "carried.h5"), 3u);
}

TEST_F(StageTwo, IsEvaluatedWithThePicturesItCarries) {
  train("al", 3);
  run("eval --checkpoint '{0}/al/checkpoints' --data '{0}/data/heldout-captions' --out "
      "'{0}/eval.json'");
  auto const json = nlohmann::json::parse(text_of(folder_ / "eval.json"));
  for (char const* pair : {"i2t", "t2i", "a2t", "t2a", "i2a", "a2i"})
    EXPECT_TRUE(json.contains(pair)) << pair;
}
