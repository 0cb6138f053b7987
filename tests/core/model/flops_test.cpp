#include "core/model/flops.hpp"

#include <gtest/gtest.h>

#include "core/model/modality/adapter.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord {
namespace {

AdapterFlops flops_of(ModalityConfig const& config, Index tokens) {
  return adapter_family(config.adapter).flops(config, 16, tokens);
}

// By hand: multiply-adds count two, width 16.
TEST(AdapterFlops, AreThoseOfTheProducts) {
  ModelConfig const stage_one = testing::tiny_model_config();
  EXPECT_EQ(flops_of(stage_one.modalities[0], 9).input, 0);
  ModalityConfig picture = stage_one.modalities[1];
  AdapterFlops const of_picture = flops_of(picture, 10);  // 16, then 4 windows, then one
  EXPECT_EQ(of_picture.input, 9 * 2 * 16 * 48 * 4);
  EXPECT_EQ(of_picture.item, 9 * 2 * (4 * (4 * 4) * 4 + (4 * 4) * 16));
  picture.stem = StemKind::mlp;
  EXPECT_EQ(flops_of(picture, 10).input, 9 * 2 * 16 * 16 * 3 * 16);
  EXPECT_EQ(flops_of(picture, 10).item, 0);
  ModalityConfig const series = testing::tiny_sequence_model_config({5}).modalities[1],
                       video = testing::tiny_sequence_model_config({4, 6, 3}).modalities[1];
  EXPECT_EQ(flops_of(series, 8).input, 7 * 2 * (2 * 5) * 16);
  EXPECT_EQ(flops_of(video, 13).input, 12 * 2 * (2 * 2 * 2 * 3) * 16);
  ModalityConfig const sound = testing::tiny_audio_model_config().modalities[1];
  // Of 3 frames: 7 rows of 3 x 6 weights for each of 6 channels come from 7 rows, made of 5
  // samples.
  AdapterFlops const of_sound = flops_of(sound, 4);
  EXPECT_EQ(of_sound.input, 7 * 2 * 6 * 5);
  EXPECT_EQ(of_sound.item, 3 * 2 * 6 * 16 + 3 * 2 * 6 * 6 * 3);
  EXPECT_EQ(of_sound.token, 2 * 2 * 16 * 16 / 4 * 3);
}

// Wider patches of as many tokens cost what their projection does, twice: forward and for the
// gradient of its weights. Frozen, once.
TEST(ModelFlops, CountTheAdapterOncePerItem) {
  ModelConfig narrow = testing::tiny_sequence_model_config({2}),
              wide = testing::tiny_sequence_model_config({3});
  std::vector<Pass> const passes = resolve_passes(narrow);
  MicroBatch const batch = testing::tiny_batch(narrow, 0, 4);
  Index patches = 0;
  for (Index const tokens : batch.lengths[1]) patches += tokens - 1;
  auto const more = [&] {
    return model_flops(wide, passes, batch, 4) - model_flops(narrow, passes, batch, 4);
  };
  EXPECT_DOUBLE_EQ(more(), static_cast<double>(2 * patches * 2 * 2 * 16));
  wide.frozen = narrow.frozen = {"encoder_wrapper." + wide.modalities[1].name + "_adapter."};
  EXPECT_DOUBLE_EQ(more(), static_cast<double>(patches * 2 * 2 * 16));
}

// By hand, of layers of width 16 and 24 within: a token's share of the gradient of attention's four
// matrices, or of the branch's three.
TEST(ModelFlops, LeaveOutTheGradientsOfFrozenWeights) {
  ModelConfig const stage_one = testing::tiny_model_config(3);
  MicroBatch const batch = testing::tiny_batch(stage_one, 0, 4);
  std::vector<Pass> const passes = resolve_passes(stage_one);
  double texts = 0, all = 0;  // tokens of passes with gradient
  for (std::size_t p = 0; p < passes.size(); ++p) {
    if (!passes[p].gradient) continue;
    for (std::size_t k = 0; k < passes[p].modalities.size(); ++k) {
      Modality const m = passes[p].modalities[k];
      Index tokens = 0;
      for (Index const length : batch.lengths[m.index()]) tokens += length;
      if (passes[p].masked)
        for (std::uint8_t const masked : batch.masks[p][k].masked) tokens -= masked;
      all += static_cast<double>(tokens);
      if (m == 0) texts += static_cast<double>(tokens);
    }
  }
  auto const spared = [&](std::string const& frozen) {
    ModelConfig config = stage_one;
    config.frozen = {frozen};
    return model_flops(stage_one, passes, batch, 4) - model_flops(config, passes, batch, 4);
  };
  std::string const layers = "encoder_wrapper.fusion_model.layers.";
  EXPECT_DOUBLE_EQ(spared(layers + "*.self_attn"), 3 * all * 2 * 4 * 16 * 16);
  EXPECT_DOUBLE_EQ(spared(layers + "*.text_ffn."), 3 * texts * 2 * 3 * 16 * 24);
  EXPECT_DOUBLE_EQ(spared(layers + "1.text_ffn."), texts * 2 * 3 * 16 * 24);
  EXPECT_DOUBLE_EQ(spared("text_proj."), 4 * 2 * 16 * 16);
  EXPECT_DOUBLE_EQ(spared(layers + "*.gamma_"), 0);
}

}  // namespace
}  // namespace accord
