// Pictures and sounds aligned with texts in one run, by a configuration: both contrasts are
// trained, and an evaluation finds each of the three by each other.

#include <gtest/gtest.h>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

class JointTraining : public TemporaryFolder {
 protected:
  void run(std::string const& arguments) const {
    std::string const filled = fmt::format(fmt::runtime(arguments), folder_.string());
    ASSERT_EQ(accord_command(filled, folder_ / "log"), 0) << filled << "\n"
                                                          << text_of(folder_ / "log");
  }
};

}  // namespace

TEST_F(JointTraining, AlignsPicturesAndSoundsWithTextsTogether) {
  write_file(folder_ / "joint.toml", R"(
[model]
embed_dim = 32
layers = 2
heads = 4
ffn_dim = 64
layer_scale_init = 0.1
[[modality]]
name = "text"
adapter = "token"
positions = 66
[[modality]]
name = "image"
adapter = "patch"
size = 32
[[modality]]
name = "audio"
adapter = "convolution"
channels = 8
position_groups = 4
[[objective]]
name = "itc"
kind = "contrast"
student = ["image"]
teacher = ["text"]
[[objective]]
name = "atc"
kind = "contrast"
student = ["audio"]
teacher = ["text"]
[data]
max_tokens = 64
[train]
steps = 60
global_batch = 16
init = "fan_in"
[schedule]
learning_rate = 3e-3
)");
  run("data synth --out '{0}/data' --train 64 --held-out 16");
  run("train --config '{0}/joint.toml' --set data.train='{0}/data/train' "
      "--set log.directory='{0}/run' --set checkpoint.directory='{0}/run'");
  auto const metrics = metrics_of(folder_ / "run/metrics.jsonl");
  nlohmann::json const& last = metrics.at(60);
  for (char const* loss : {"itc_loss", "atc_loss"})  // ln 16 = 2.77 is what a guess gives
    EXPECT_LT(last.at(loss).get<double>(), 2.5) << loss;
  for (char const* accuracy : {"i2t_accuracy", "t2i_accuracy", "a2t_accuracy", "t2a_accuracy"})
    EXPECT_TRUE(last.contains(accuracy)) << accuracy;
  run("eval --checkpoint '{0}/run' --data '{0}/data/heldout-captions' --out '{0}/eval.json'");
  nlohmann::json const result = nlohmann::json::parse(text_of(folder_ / "eval.json"));
  for (char const* pair : {"i2t", "t2i", "a2t", "t2a", "i2a", "a2i"})
    EXPECT_TRUE(result.contains(pair)) << pair;
}
