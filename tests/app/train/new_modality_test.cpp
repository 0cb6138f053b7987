// Modalities that the program has no name for, through the whole of it: what docs/add-a-modality.md
// says to do with a folder of arrays and a configuration, and nothing else.

#include <gtest/gtest.h>

#include "io/hdf5/hdf5_reader.hpp"
#include "tests/app/support/labelled_arrays.hpp"
#include "tests/app/support/stored_weights.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

class NewModality : public TemporaryFolder {
 protected:
  /// `accord ARGUMENTS`, in which {0} is the folder.
  void run(std::string const& arguments, int want = 0) const {
    std::string const filled = fmt::format(fmt::runtime(arguments), folder_.string());
    ASSERT_EQ(accord_command(filled, folder_ / "log"), want) << filled << "\n"
                                                             << text_of(folder_ / "log");
  }
  static std::string shipped() {
    return environment("ACCORD_SOURCE_DIR") + "/jobs/configs/motion.toml";
  }
  /// `accord train`, checkpoints and metrics in {0}/NAME.
  static std::string train(std::string const& config, std::string const& name,
                           std::string const& more = "") {
    return fmt::format(
        "train --config {} --set data.train={{0}}/data/train --set data.tokenizer={{0}}/tokenizer "
        "--set checkpoint.directory={{0}}/{} --set log.directory={{0}}/{} {}",
        config, name, name, more);
  }
  void build(std::string const& modality) const {
    run("data build --from {0}/in --modalities text," + modality +
        " --hold-out 0.2 --out {0}/data");
    run("tokenizer train --from {0}/data/train --kind words --out {0}/tokenizer");
  }
  nlohmann::json evaluated(std::string const& name) const {
    run("eval --checkpoint {0}/" + name +
        " --data {0}/data/held-out --equal-captions --out {0}/eval.json");
    return nlohmann::json::parse(text_of(folder_ / "eval.json"));
  }
  std::vector<float> embeddings(std::string const& name, std::string const& modality) const {
    run("embed --checkpoint {0}/" + name + " --data {0}/data/held-out --out {0}/embedded.h5");
    return io::Hdf5Reader(folder_ / "embedded.h5").read<float>("/" + modality + "/embedding");
  }
};

/// What stage 2 leaves alone: text, and all that modalities share.
constexpr char const* shared_parts =
    "\"text_proj.\", \"encoder_wrapper.text_adapter.\", "
    "\"encoder_wrapper.fusion_model.text_layer_norm.\", "
    "\"encoder_wrapper.fusion_model.layers.*.self_attn\", "
    "\"encoder_wrapper.fusion_model.layers.*.final_layer_norm.\", "
    "\"encoder_wrapper.fusion_model.layers.*.gamma_\", "
    "\"encoder_wrapper.fusion_model.layers.*.text_ffn.\"";

}  // namespace

TEST_F(NewModality, SeriesAreFoundByCaptionsThatWereNeverTrained) {
  write_motions(folder_ / "in", 4);
  build("motion");
  run(train(shipped(), "run"));
  nlohmann::json const result = evaluated("run");
  EXPECT_LT(result.at("chance").at("m2t").at("r1"), 5);
  for (char const* direction : {"m2t", "t2m"})
    EXPECT_GT(result.at(direction).at("r1"), 50) << direction;

  // The branch of motions by itself gives the same bits.
  std::vector<float> const whole = embeddings("run", "motion");
  ASSERT_FALSE(whole.empty());
  EXPECT_EQ(whole.size() % 64, 0u);
  run("checkpoint export --checkpoint {0}/run --modalities motion --no-decoder --out {0}/branch");
  EXPECT_EQ(embeddings("branch", "motion"), whole);
}

TEST_F(NewModality, ARunOfItGoesOnWhereItStopped) {
  write_motions(folder_ / "in", 1);
  build("motion");
  std::string const short_run =
      "--set train.steps=6 --set schedule.warmup_steps=2 "
      "--set log.every_steps=1 --set checkpoint.every_steps=3 ";
  run(train(shipped(), "whole", short_run));
  run(train(shipped(), "stopped", short_run + "--set train.stop_after_step=3"), 75);
  run(train(shipped(), "stopped", short_run));
  auto whole = metrics_of(folder_ / "whole/metrics.jsonl"),
       stopped = metrics_of(folder_ / "stopped/metrics.jsonl");
  ASSERT_EQ(whole.size(), 6u);
  for (auto const& [step, line] : whole)
    for (auto const& [field, value] : line.items())
      if (!is_timing(field)) {
        EXPECT_EQ(stopped.at(step).at(field), value) << "step " << step << ", " << field;
      }
  EXPECT_TRUE(whole.at(6).contains("dcl_mt_motion_loss"));
  EXPECT_TRUE(whole.at(6).contains("m2t_accuracy"));
}

// Under another name, and with other numbers, the same configuration reads videos.
TEST_F(NewModality, VideosAreFoundByCaptionsThatWereNeverTrained) {
  write_videos(folder_ / "in", 8);
  build("video");
  std::string config = text_of(shipped());
  for (std::size_t at = 0; (at = config.find("motion", at)) != std::string::npos;)
    config.replace(at, 6, "video");
  write_file(folder_ / "video.toml", config);
  run(train("{0}/video.toml", "run",
            "--set modality.video.frame=[16,16,1] --set modality.video.patch=8 "
            "--set modality.video.patch_frames=2 --set modality.video.max_frames=8 "
            "--set modality.video.mean=[10] --set modality.video.std=[60] --set train.steps=150"));
  nlohmann::json const result = evaluated("run");
  EXPECT_LT(result.at("chance").at("v2t").at("r1"), 10);
  for (char const* direction : {"v2t", "t2v"})
    EXPECT_GT(result.at(direction).at("r1"), 50) << direction;
}

// Readings are aligned with captions alone, while what stage one has learnt stays as it is; yet
// they find the pictures that they never met in training.
TEST_F(NewModality, JoinsATrainedModelWhoseWeightsStay) {
  write_pictures_with_readings(folder_ / "in", 2);
  build("image,sensor");
  std::string const model = R"(
[model]
embed_dim = 64
layers = 2
heads = 2
ffn_dim = 128
layer_scale_init = 0.1
drop_path = 0.0
[data]
max_tokens = 8
crop = "resize"
[train]
steps = 250
global_batch = 32
init = "fan_in"
[schedule]
learning_rate = 2e-3
min_learning_rate = 2e-5
warmup_steps = 25
[[modality]]
name = "text"
adapter = "token"
)";
  write_file(folder_ / "pictures.toml", model + R"(
[[modality]]
name = "image"
adapter = "patch"
size = 32
[[objective]]
name = "itc"
kind = "contrast"
student = ["image"]
teacher = ["text"]
)");
  write_file(folder_ / "sensor.toml", model + R"(
[[modality]]
name = "sensor"
adapter = "patch_sequence"
frame = [4]
patch_frames = 4
max_frames = 12
bucket_size = 4
[[objective]]
name = "stc"
kind = "contrast"
student = ["sensor"]
teacher = ["text"]
)");
  run(train("{0}/pictures.toml", "pictures"));
  run(train("{0}/sensor.toml", "joined",
            "--set train.init_from={0}/pictures --set 'train.frozen=[" + std::string(shared_parts) +
                "]'"));
  auto const before = stored_weights(folder_ / "pictures"),
             after = stored_weights(folder_ / "joined");
  for (auto const& [name, values] : before)
    if (name != "logit_scale") {
      EXPECT_EQ(after.at(name), values) << name;
    }
  EXPECT_GT(after.size(), before.size());
  nlohmann::json const result = evaluated("joined");
  EXPECT_LT(result.at("chance").at("s2i").at("r1"), 3);
  for (char const* direction : {"s2i", "i2s"})
    EXPECT_GT(result.at(direction).at("r1"), 30) << direction;
}
