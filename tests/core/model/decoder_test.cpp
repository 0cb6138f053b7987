#include "core/model/decoder.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/module_gradcheck.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord {
namespace {

constexpr Index feature_width = 4, decoded_samples = 2;

ModelConfig small_config() {
  ModelConfig config = testing::tiny_model_config();
  config.encoder.embed_dim = feature_width;
  config.decoder = {.embed_dim = 6, .layers = 1, .heads = 2, .ffn_dim = 5};
  config.modalities[0].positions = 13;
  return config;
}

/// What the encoder gives of the masked passes.
Pack encoder_pack(ModelConfig const& config, MicroBatch const& batch, Index pad_pool) {
  auto const passes = resolve_passes(config);
  std::vector<int> with_gradient;
  for (std::size_t p = 0; p < passes.size(); ++p)
    if (passes[p].gradient) with_gradient.push_back(static_cast<int>(p));
  return build_pack(batch, passes, with_gradient, {.pad_pool = pad_pool});
}

struct DecoderSetting {
  Recompute recompute = Recompute::none;
  Index pad_pool = 0;
  bool key_mask = true;
};

Shape feature_shape(DecoderSetting const& setting) {
  ModelConfig const config = small_config();
  MicroBatch const batch = testing::tiny_batch(config, 0, decoded_samples);
  return {encoder_pack(config, batch, setting.pad_pool).rows, feature_width};
}

// x: the encoder's features. y: those that two students predict, at all masked places of their
// modality and at its first place, then the features themselves, which others read too.
testing::MakeModule decoder(DecoderSetting const& setting) {
  return [=](Queue& queue, ParameterScope const& scope, TensorParallelRegion const& region) {
    ModelConfig config = small_config();
    config.parity.decoder_key_mask = setting.key_mask;
    MicroBatch const batch = testing::tiny_batch(config, 0, decoded_samples);
    auto const module = std::make_shared<Decoder>(scope, config, DType::float64, region);
    Pack const pack = encoder_pack(config, batch, setting.pad_pool);
    auto const state = std::make_shared<Decoder::State>();
    auto const students = std::make_shared<std::vector<Decoder::Student>>();
    auto const plan = [=](Queue& q) {
      *state = module->plan(q, batch, resolve_passes(config), pack, setting.pad_pool);
      students->clear();
      for (Modality const m : {0, 1}) {
        auto rows = to_host<std::int32_t>(q, state->fill[m.index()].mask_rows);
        rows.push_back(static_cast<std::int32_t>(state->plan.pack().group(m).row));
        students->push_back({m, Tensor::from_host(q, rows), {}, {}});
      }
    };
    plan(queue);
    Index const predicted = (*students)[0].rows.size() + (*students)[1].rows.size();
    return testing::TestedModule{
        [=, recompute = setting.recompute](Queue& q, ConstView x) {
          plan(q);
          Tensor y(q, x.dtype(), Shape{predicted + x.rows(), feature_width});
          module->forward(q, x, *state, recompute);
          Index row = 0;
          for (Decoder::Student& student : *students) {
            copy(q, module->predict(q, *state, student), y.view().rows(row, student.rows.size()));
            row += student.rows.size();
          }
          copy(q, x, y.view().rows(row, x.rows()));
          return y;
        },
        [=, recompute = setting.recompute](Queue& q, ConstView x, ConstView dy) {
          Tensor dx(q, x.dtype(), x.shape());
          copy(q, dy.rows(predicted, x.rows()), dx);
          Index row = 0;
          for (Decoder::Student const& student : *students) {
            module->predict_backward(q, dy.rows(row, student.rows.size()), *state, student);
            row += student.rows.size();
          }
          module->backward(q, x, *state, recompute, dx);
          return dx;
        }};
  };
}

// Mask tokens alone vary little over a row, and the first norm divides by that: gradients are of
// hundreds.
void expect_gradients_match(DecoderSetting const& setting,
                            std::vector<std::string> const& frozen = {}) {
  testing::expect_module_gradients_match_finite_differences(
      decoder(setting), feature_shape(setting), frozen, /*tolerance=*/1e-6);
}

TEST(Decoder, BackwardMatchesFiniteDifferences) {
  for (Recompute const recompute : {Recompute::none, Recompute::layer}) {
    DecoderSetting const setting{.recompute = recompute};
    expect_gradients_match(setting);
  }
}

// Of the official code's padded sequences: pads neither come from the encoder nor go back to it.
TEST(Decoder, OfPaddedPassesMatchesFiniteDifferences) {
  for (bool const key_mask : {true, false}) {
    DecoderSetting const setting{.pad_pool = decoded_samples, .key_mask = key_mask};
    expect_gradients_match(setting);
  }
}

TEST(Decoder, BackwardGivesNoGradientToFrozenParameters) {
  expect_gradients_match({}, {"text_mask_token", "decoder_wrapper.image_adapter.",
                              "decoder_text_embed.", "image_mask_head."});
}

/// Rows that hold their own number, so that one sees where each goes; pads stay empty.
TEST(Decoder, PutsWhatTheEncoderKeptBackInItsPlace) {
  for (Index const pad_pool : {Index{0}, decoded_samples}) {
    ModelConfig config = small_config();
    config.parity.decoder_key_mask = pad_pool == 0;
    MicroBatch const batch = testing::tiny_batch(config, 0, decoded_samples);
    Queue queue(Backend::reference);
    SelfCommunicator self;
    ParameterStore store;
    ParameterScope::Rules const rules;
    Decoder const module(ParameterScope(store, rules), config, DType::float64,
                         TensorParallelRegion(self));
    store.allocate(queue, DType::float64);
    auto const fill = [&](std::string const& name, auto const& value_of) {
      View const values = store.value(store.find(name));
      for (Index i = 0; i < values.size(); ++i) values.as<double>()[i] = value_of(i);
    };
    // In the first column the row of the encoder's pack, in the second the mask token, in the third
    // the position.
    for (ModalityConfig const& modality : config.modalities) {
      std::string const& name = modality.name;
      fill("decoder_" + name + "_embed.weight", [](Index i) { return i == 0 ? 1.0 : 0.0; });
      fill(name + "_mask_token", [](Index i) { return i == 1 ? 1.0 : 0.0; });
      fill("decoder_wrapper." + name + "_adapter." +
               adapter_family(modality.adapter).decoder_positions(modality).name,
           [](Index i) { return i % 6 == 2 ? static_cast<double>(1 + i / 6) : 0.0; });
    }
    Pack const encoder = encoder_pack(config, batch, pad_pool);
    Tensor features = Tensor::zeros(queue, DType::float64, Shape{encoder.rows, feature_width});
    for (Index row = 0; row < encoder.rows; ++row)
      features.view().as<double>()[row * feature_width] = static_cast<double>(1 + row);
    Decoder::State const state =
        module.plan(queue, batch, resolve_passes(config), encoder, pad_pool);
    Pack const& pack = state.plan.pack();
    EXPECT_EQ(pack.padded, pad_pool > 0);
    auto const x = testing::values_of(queue, module.assemble(queue, features, state));
    for (PackedSequence const& sequence : pack.sequences)
      for (AttentionSegment const& to : sequence.segments) {
        AttentionSegment const from = encoder.segment(sequence.pass, to.modality, sequence.sample);
        Index next = from.row;
        for (Index position = 0; position < to.length; ++position) {
          auto const row = static_cast<std::size_t>(to.row + position);
          bool const real = pack.real[row];
          bool const kept = real && next < from.row + from.length &&
                            encoder.real[static_cast<std::size_t>(next)] &&
                            encoder.positions[static_cast<std::size_t>(next)] == position;
          EXPECT_EQ(x[row * 6], kept ? static_cast<double>(1 + next) : 0.0);
          EXPECT_EQ(x[row * 6 + 1], real && !kept ? 1.0 : 0.0);
          EXPECT_EQ(x[row * 6 + 2], real ? static_cast<double>(1 + position) : 0.0);
          next += kept;
        }
        for (; next < from.row + from.length; ++next)
          EXPECT_FALSE(encoder.real[static_cast<std::size_t>(next)]);
      }
  }
}

}  // namespace
}  // namespace accord
