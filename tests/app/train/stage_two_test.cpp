// Stage 2 through the whole program: started from a checkpoint of stage 1, it leaves what is frozen
// as it was to the bit, passes the pictures' weights on, and can be evaluated, merged and exported
// with all three modalities; ranks change nothing.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "io/checkpoint/directory.hpp"
#include "io/checkpoint/verify.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "tests/app/support/labelled_arrays.hpp"
#include "tests/app/support/stored_weights.hpp"
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

  void train(std::string const& name, int steps, int ranks = 0, std::string const& from = "vl") {
    run(fmt::format(
            "train --config '{{1}}/jobs/configs/tiny-al.toml' "
            "--set data.train='{{0}}/data/train' --set train.init_from='{{0}}/{2}/checkpoints' "
            "--set train.steps=3 --set train.stop_after_step={0} --set train.global_batch=8 "
            "--set train.dtype=float64 --set log.directory='{{0}}/{1}' "
            "--set checkpoint.directory='{{0}}/{1}/checkpoints' "
            "--set checkpoint.every_steps=1 --set checkpoint.keep=0",
            steps, name, from),
        ranks);
  }

  /// Readings of a sensor, contrasted alone; what it starts from does not move at its rate.
  void train_sensor(std::string const& more) {
    for (int i = 0; i < 16; ++i)
      write_sample(folder_ / "in", fmt::format("{:02}", i),
                   {{".npy", npy("4, 1", std::vector<float>{0, 1, 2, static_cast<float>(i)})}},
                   fmt::format("reading {}", i));
    run("data build --from '{0}/in' --modalities text,sensor --out '{0}/readings'");
    write_file(folder_ / "sensor.toml", R"(
[model]
embed_dim = 32
layers = 4
heads = 4
ffn_dim = 64
layer_scale_init = 0.3
[[modality]]
name = "text"
adapter = "token"
positions = 66
[[modality]]
name = "sensor"
adapter = "patch_sequence"
frame = [1]
patch_frames = 2
max_frames = 4
bucket_size = 4
[[objective]]
name = "stc"
kind = "contrast"
student = ["sensor"]
teacher = ["text"]
[data]
max_tokens = 64
[train]
steps = 1
global_batch = 8
dtype = "float64"
[schedule]
learning_rate = 1e-300
min_learning_rate = 0.0
)");
    run("train --config '{0}/sensor.toml' --set data.train='{0}/readings' "
        "--set log.directory='{0}/sensor' --set checkpoint.directory='{0}/sensor/checkpoints' " +
        more);
  }

  /// Of held-out items, by a checkpoint in the folder.
  std::vector<float> embeddings(std::string const& name, std::string const& modality) {
    run(
        fmt::format("embed --checkpoint '{{0}}/{}' --data '{{0}}/data/heldout-captions' "
                    "--out '{{0}}/embedded.h5'",
                    name));
    return io::Hdf5Reader(folder_ / "embedded.h5").read<float>("/" + modality + "/embedding");
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
  EXPECT_EQ(checkpoint("fresh").manifest.documents.run.carried_configuration, "");
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

TEST_F(StageTwo, IsMergedAndExportedWithWhatItCarries) {
  train("al", 3);
  auto const all = weights("al");
  run("checkpoint merge --stage1 '{0}/vl/checkpoints' --stage2 '{0}/al/checkpoints' "
      "--out '{0}/merged'");
  EXPECT_EQ(stored_weights(folder_ / "merged"), all);
  run("checkpoint export --checkpoint '{0}/al/checkpoints' --out '{0}/all.pt'");
  write_file(folder_ / "merged.toml",
             io::open_or_find(folder_ / "merged", {}).manifest.documents.configuration);
  run("checkpoint import --from '{0}/all.pt' --config '{0}/merged.toml' --out '{0}/imported'");
  EXPECT_EQ(stored_weights(folder_ / "imported"), all);
  // A branch of what it trained, and of what it carries.
  for (std::string const modality : {"image", "audio"}) {
    run("checkpoint export --checkpoint '{0}/al/checkpoints' --no-decoder --modalities " +
        modality + " --out '{0}/" + modality + "'");
    auto const whole = embeddings("merged", modality);
    EXPECT_FALSE(whole.empty());
    EXPECT_EQ(embeddings(modality, modality), whole);
    if (modality == "image") {
      EXPECT_EQ(embeddings("vl/checkpoints", modality), whole);
    }
  }
}

TEST_F(StageTwo, IsMergedWithAThirdWhichCarriesWhatBothCarried) {
  train("al", 3);
  train_sensor("--set train.init_from='{0}/al/checkpoints'");
  run("checkpoint merge --stage1 '{0}/al/checkpoints' --stage2 '{0}/sensor/checkpoints' "
      "--out '{0}/merged'");
  auto const second = weights("al"), third = weights("sensor"),
             merged = stored_weights(folder_ / "merged");
  for (char const* part : {"image_proj.weight", "audio_proj.weight", "sensor_proj.weight"})
    ASSERT_TRUE(merged.contains(part)) << part;
  for (auto const& [name, values] : merged)
    EXPECT_EQ(values, third.contains(name) ? third.at(name) : second.at(name)) << name;
  EXPECT_EQ(embeddings("merged", "image"), embeddings("vl/checkpoints", "image"));
  EXPECT_EQ(embeddings("merged", "audio"), embeddings("al/checkpoints", "audio"));
}

// The sensor came first and was contrasted alone: the decoder of the two that follow has no part
// for it.
TEST_F(StageTwo, IsMergedWithoutADecoderThatLacksAModality) {
  train_sensor("");
  train("al", 3, 0, "sensor");
  run("train --config '{1}/jobs/configs/tiny-vl.toml' --set data.train='{0}/data/train' "
      "--set train.init_from='{0}/al/checkpoints' --set train.steps=1 --set train.global_batch=8 "
      "--set train.dtype=float64 --set 'train.frozen=[\"text_proj.\", "
      "\"encoder_wrapper.text_adapter.\", \"encoder_wrapper.fusion_model.\"]' "
      "--set log.directory='{0}/third' --set checkpoint.directory='{0}/third/checkpoints'");
  run("checkpoint merge --stage1 '{0}/al/checkpoints' --stage2 '{0}/third/checkpoints' "
      "--out '{0}/merged'");
  EXPECT_NE(text_of(folder_ / "log").find("neither holds decoder_wrapper.sensor_adapter."),
            std::string::npos)
      << text_of(folder_ / "log");
  auto const merged = stored_weights(folder_ / "merged");
  for (char const* part : {"image_proj.weight", "audio_proj.weight", "sensor_proj.weight"})
    EXPECT_TRUE(merged.contains(part)) << part;
  for (auto const& [name, values] : merged) EXPECT_FALSE(name.starts_with("decoder_")) << name;
  EXPECT_EQ(embeddings("merged", "image"), embeddings("third/checkpoints", "image"));

  std::string const whole = fmt::format(
      "checkpoint export --checkpoint '{0}/al/checkpoints' --out '{0}/al.pt'", folder_.string());
  EXPECT_EQ(accord_command(whole, folder_ / "log"), 65);
  EXPECT_NE(text_of(folder_ / "log").find("give --no-decoder"), std::string::npos)
      << text_of(folder_ / "log");
  EXPECT_EQ(accord_command(whole + " --no-decoder", folder_ / "log"), 0);
}
