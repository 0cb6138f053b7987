#include "parallel/pipeline/train_step.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>

#include "core/base/trace.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/flops.hpp"
#include "tests/support/op_testing.hpp"
#include "tests/support/step_gradcheck.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;
using namespace accord::testing;

namespace {

struct Outcome {
  std::vector<double> terms, correct;
  double loss = 0, flops = 0;
  std::vector<std::vector<double>> gradients;  // by parameter, empty where frozen
};

/// ||got - want||^2 / ||want||^2.
double relative_square(std::vector<double> const& got, std::vector<double> const& want) {
  double difference = 0, norm = 0;
  for (std::size_t k = 0; k < want.size(); ++k) {
    difference += std::pow(got[k] - want[k], 2);
    norm += std::pow(want[k], 2);
  }
  return difference / norm;
}

void round_to_bfloat16(ParameterStore& store) {
  for (int id = 0; id < store.count(); ++id) {
    View const value = store.value(id);
    double* const values = value.as<double>();
    for (Index i = 0; i < value.size(); ++i)
      values[i] = to_float32(to_bfloat16(static_cast<float>(values[i])));
  }
}

struct Weights {
  std::uint32_t seed = 5;
  bool rounded_to_bfloat16 = false;  // and then held in the type of the step
};

class StepTest : public ::testing::Test {
 protected:
  // One step over the samples [0, global), in micro-batches of `micro`.
  Outcome run(ModelConfig const& config, Backend backend, Index global, Index micro,
              StepOptions options = {}, Index equal_length = 0, DType dtype = DType::float64,
              Weights weights = {}) {
    Queue queue(backend);
    SelfCommunicator self;
    Model model(queue, config, dtype, self, Model::whole(config));
    model.initialise(queue, InitMode::dense, weights.seed);
    if (weights.rounded_to_bfloat16) round_to_bfloat16(model.parameters());
    options.global_batch = global;
    options.seed = 9;
    MeshGroups groups;
    TrainStep step(queue, model, groups, options);
    std::vector<MicroBatch> batches;
    for (Index at = 0; at < global; at += micro)
      batches.push_back(tiny_batch(config, static_cast<std::uint64_t>(at), micro, equal_length));
    StepFigures const figures = step.run(batches);
    Outcome outcome{
        figures.terms, figures.correct, total_loss(config, figures.terms), queue.flops(), {}};
    ParameterStore& store = model.parameters();
    for (int id = 0; id < store.count(); ++id) {
      names_.resize(static_cast<std::size_t>(store.count()));
      names_[static_cast<std::size_t>(id)] = store.spec(id).name;
      View const g = store.gradient(id);
      outcome.gradients.push_back(g ? values_of(queue, g) : std::vector<double>{});
    }
    return outcome;
  }

  // Relative L2 per tensor with a floor of 1e-14 of the global norm.
  void expect_equal(Outcome const& got, Outcome const& want, double term_tolerance,
                    double gradient_tolerance, double floor = 1e-14) {
    for (std::size_t o = 0; o < want.terms.size(); ++o)
      EXPECT_NEAR(got.terms[o], want.terms[o], term_tolerance * std::abs(want.terms[o])) << o;
    EXPECT_EQ(got.correct, want.correct);
    double global = 0;
    for (auto const& g : want.gradients)
      for (double v : g) global += v * v;
    for (std::size_t i = 0; i < want.gradients.size(); ++i) {
      double difference = 0, norm = 0;
      ASSERT_EQ(got.gradients[i].size(), want.gradients[i].size());
      for (std::size_t k = 0; k < want.gradients[i].size(); ++k) {
        difference += std::pow(got.gradients[i][k] - want.gradients[i][k], 2);
        norm += std::pow(want.gradients[i][k], 2);
      }
      EXPECT_LE(std::sqrt(difference),
                std::max(gradient_tolerance * std::sqrt(norm), floor * std::sqrt(global)))
          << names_[i];
    }
  }

  std::vector<std::string> names_;
};

ModelConfig by_sigmoid(ModelConfig config) {
  for (ObjectiveConfig& objective : config.objectives)
    if (objective.kind == "contrast") objective.kind = "sigmoid_contrast";
  return config;
}

// What stage 2 freezes, with a modality that is embedded by one product.
ModelConfig frozen_text(ModelConfig config) {
  config.frozen = tiny_audio_model_config().frozen;
  return config;
}

ModelConfig dense(ModelConfig config) {
  config.encoder.drop_path = 0;
  return config;
}

// Of a denoising term: queries against the candidates of their pools.
double logits_of(ObjectiveConfig const& objective, StepSizes const& sizes) {
  int const pass = find_pass(sizes.passes(), objective.student, true);
  auto const& members = sizes.pass(pass).modalities;
  auto const segment = static_cast<std::size_t>(
      std::find(members.begin(), members.end(), objective.modality) - members.begin());
  Index const pool = sizes.config().loss.denoising_pool;
  double products = 0;
  for (Index begin = 0; begin < sizes.samples(); begin += pool) {
    Index queries = 0, candidates = 0;
    for (Index s = begin; s < begin + pool; ++s) {
      queries += sizes.hidden(pass, segment, s);
      candidates += sizes.length(objective.modality, s) - 1;
    }
    products += static_cast<double>(queries * candidates);
  }
  return 2 * products * static_cast<double>(sizes.config().encoder.embed_dim);
}

}  // namespace

// The teachers are constants of the official gradient but not of the loss, so with denoising only
// what no teacher depends on can be compared; the encoder is, below, under the contrast alone.
TEST_F(StepTest, GradientsMatchFiniteDifferences) {
  expect_step_gradients_match_finite_differences(
      tiny_model_config(2), 4,
      [](std::string const& name) { return !name.starts_with("encoder_wrapper"); });
}

TEST_F(StepTest, ContrastGradientsMatchFiniteDifferences) {
  for (ModelConfig config :
       {tiny_model_config(2), tiny_audio_model_config(2), tiny_sequence_model_config({2}, 2),
        tiny_sequence_model_config({4, 2, 3}, 2), by_sigmoid(tiny_model_config(2)),
        by_sigmoid(tiny_audio_model_config(2))}) {
    config.objectives.resize(1);
    config.decoder.layers = 0;
    expect_step_gradients_match_finite_differences(config, 3);
  }
}

TEST_F(StepTest, GradientsReachWhatTrainsAboveFrozenConvolutions) {
  ModelConfig config = tiny_audio_model_config(1);
  config.objectives.resize(1);
  config.decoder.layers = 0;
  config.frozen.push_back("encoder_wrapper.audio_adapter.embed_audios.0.");
  expect_step_gradients_match_finite_differences(config, 3);
}

// What a dense step executes, product by product, is what the formula says, and what its ops
// compute again: the scores of attention in every backward, the logits of both contrasts. Beyond
// that, the attention of a pooling asks for all tokens, and positions are resized by a product.
TEST_F(StepTest, ExecutesTheOperationsOfTheModel) {
  struct Case {
    char const* name;
    ModelConfig config;
  };
  for (auto const& [name, config] :
       {Case{"stage 1", tiny_model_config(2, 0)},
        Case{"stage 2", frozen_text(tiny_sequence_model_config({2}, 2, 0))},
        Case{"sigmoid", by_sigmoid(tiny_model_config(2, 0))},
        Case{"sigmoid, stage 2", by_sigmoid(frozen_text(tiny_sequence_model_config({2}, 2, 0)))},
        Case{"series", tiny_sequence_model_config({2}, 2, 0)},
        Case{"class of a picture", dense(tiny_finetune_config(2, Pooling::attention))},
        Case{"classes of a pair", dense(tiny_finetune_config(2, Pooling::class_token))}}) {
    constexpr Index samples = 4;
    MicroBatch const batch = tiny_batch(config, 0, samples);
    std::vector<Pass> const passes = resolve_passes(config);
    StepSizes const sizes(config, passes, batch, samples);
    auto const d = static_cast<double>(config.encoder.embed_dim);
    auto const scores = [&](StackConfig const& stack, std::vector<Index> const& tokens) {
      auto const all = static_cast<double>(std::accumulate(tokens.begin(), tokens.end(), Index{0}));
      return 2 * all * all * static_cast<double>(stack.layers * stack.embed_dim);
    };
    double again = 0;
    for (int p = 0; p < static_cast<int>(passes.size()); ++p)
      for (Index s = 0; s < samples; ++s) {
        if (sizes.pass(p).gradient) again += scores(config.encoder, sizes.kept(p, s));
        if (sizes.pass(p).masked) again += scores(config.decoder, sizes.whole(p, s));
      }
    for (ObjectiveConfig const& objective : config.objectives) {
      if (objective.kind == "contrast") again += 2 * 2 * samples * samples * d;
      // The matrix of pairs, once more for the other side.
      if (objective.kind == "sigmoid_contrast") again += 2 * samples * samples * d;
      if (objective.kind == "denoise") again += logits_of(objective, sizes);
      if (objective.kind == "classify" && objective.pooling == Pooling::attention)
        for (Index s = 0; s < samples; ++s) {
          auto const tokens = static_cast<double>(sizes.length(objective.modality, s) - 1);
          again += 7 * 2 * (tokens + 1) * (tokens + 1) * d - 3 * 2 * 2 * tokens * d;
        }
    }
    for (ModalityConfig const& modality : config.modalities) {
      double const table = static_cast<double>(modality.position_side * modality.position_side),
                   side = static_cast<double>(modality.size / modality.patch);
      again += 2 * 2 * table * side * side * d;  // forward, and for the table's gradient
    }
    double const want = model_flops(config, passes, batch, samples) + again;
    EXPECT_NEAR(run(config, Backend::cpu, samples, samples).flops, want, 1e-9 * want) << name;
  }
}

// What freezing saves a step is what the formula says, product by product.
TEST_F(StepTest, ComputesNoGradientsOfFrozenWeights) {
  ModelConfig const config = tiny_model_config(2, /*drop_path=*/0);
  MicroBatch const batch = tiny_batch(config, 0, 4);
  auto const model = [&](ModelConfig const& c) {
    return model_flops(c, resolve_passes(c), batch, 4);
  };
  double const executed = run(config, Backend::cpu, 4, 4).flops;
  std::string const layers = "encoder_wrapper.fusion_model.layers.*.";
  for (std::string const& frozen :
       {layers + "self_attn", layers + "image_ffn.", std::string("text_proj."),
        std::string("decoder_text_embed."), std::string("image_mask_head."),
        std::string("decoder_wrapper.fusion_model.layers.*.self_attn")}) {
    ModelConfig some = config;
    some.frozen = {frozen};
    double const spared = executed - run(some, Backend::cpu, 4, 4).flops;
    EXPECT_NEAR(spared, model(config) - model(some), 1e-9 * executed) << frozen;
    EXPECT_GT(spared, 0) << frozen;
  }
}

TEST_F(StepTest, PackedStepEqualsThePlainPaddedOne) {
  for (ModelConfig config :
       {tiny_model_config(), tiny_audio_model_config(), tiny_sequence_model_config({3})}) {
    config.loss.denoising_pool = 5;
    Outcome const plain =
        run(config, Backend::reference, 5, 5, {.skip_branches = false, .pad = true});
    Outcome const packed = run(config, Backend::cpu, 5, 5);
    expect_equal(packed, plain, 1e-12, 1e-11);
  }
}

TEST_F(StepTest, OfCudaInFloat32EqualsTheCpu) {
  ACCORD_NEEDS_DEVICE();
  for (ModelConfig const& config :
       {tiny_model_config(), tiny_audio_model_config(), tiny_sequence_model_config({4, 2, 3})}) {
    Outcome const want = run(config, Backend::cpu, 4, 4);
    expect_equal(run(config, Backend::cuda, 4, 4, {}, 0, DType::float32), want, 1e-5, 1e-4, 1e-6);
    // The pass without activations, and layers computed again.
    expect_equal(
        run(config, Backend::cuda, 4, 2, {.recompute = Recompute::layer}, 0, DType::float32), want,
        1e-5, 1e-4, 1e-6);
  }
}

// How far may a step in bfloat16 be from one in float64 that starts from the same weights, rounded
// to bfloat16? Each value that it stores is off by 2^-8 of itself at most, about 2^-9 in the mean.
//
// Gradients: how much of that arrives in them is a property of the model, and rounding the weights
// shows it: as large an error, once in every product. The step rounds the product's other factor as
// well, and backward the two gradients: four times the variance if they are as many, so twice the
// distance; three times for a single tensor, whose few elements average less. Both are means over
// draws of the weights, in a model wide enough not to turn on one value.
//
// Terms: about 44 roundings lie between an input and its features (12 in each of three layers, 8
// around them), so features of unit length and width d are off by 2^-9 sqrt(44), a product of two
// by sqrt(2 / d) of it, and a logit by the scale of that.
TEST_F(StepTest, OfCudaInBfloat16DiffersByRoundingAlone) {
  ACCORD_NEEDS_DEVICE();
  for (ModelConfig config : {tiny_model_config(), tiny_audio_model_config()}) {
    config.encoder.embed_dim = 64;
    config.encoder.ffn_dim = 96;
    config.decoder.embed_dim = 32;
    config.decoder.ffn_dim = 48;
    double const of_product = 0x1p-9 * std::sqrt(44 * 2.0 / 64);
    std::vector<double> step_squares, weight_squares;  // by parameter
    for (std::uint32_t seed : {5u, 6u, 7u}) {
      Outcome const got = run(config, Backend::cuda, 4, 4, {}, 0, DType::bfloat16, {seed});
      Outcome const want = run(config, Backend::cpu, 4, 4, {}, 0, DType::float64, {seed, true});
      Outcome const unrounded = run(config, Backend::cpu, 4, 4, {}, 0, DType::float64, {seed});
      for (std::size_t o = 0; o < want.terms.size(); ++o) {
        bool const contrast = config.objectives[o].kind == "contrast";
        double const scale = contrast ? std::exp(2.66) : config.loss.dcl_scale;
        EXPECT_NEAR(got.terms[o], want.terms[o], scale * of_product) << config.objectives[o].name;
      }
      step_squares.resize(want.gradients.size());
      weight_squares.resize(want.gradients.size());
      for (std::size_t i = 0; i < want.gradients.size(); ++i) {
        if (want.gradients[i].empty()) continue;
        step_squares[i] += relative_square(got.gradients[i], want.gradients[i]);
        weight_squares[i] += relative_square(unrounded.gradients[i], want.gradients[i]);
      }
    }
    double step_sum = 0, weight_sum = 0;
    for (std::size_t i = 0; i < step_squares.size(); ++i) {
      if (weight_squares[i] == 0) continue;  // frozen
      step_sum += step_squares[i];
      weight_sum += weight_squares[i];
      EXPECT_LE(std::sqrt(step_squares[i] / weight_squares[i]), 3) << names_[i];
    }
    EXPECT_LE(std::sqrt(step_sum / weight_sum), 2);
  }
}

TEST_F(StepTest, MicroBatchesChangeNothing) {
  for (ModelConfig const& config :
       {tiny_model_config(), tiny_audio_model_config(), by_sigmoid(tiny_model_config())})
    for (ContrastGradient gradient : {ContrastGradient::exact, ContrastGradient::anchor}) {
      StepOptions const options{.contrast_gradient = gradient};
      Outcome const whole = run(config, Backend::cpu, 8, 8, options);
      expect_equal(run(config, Backend::cpu, 8, 4, options), whole, 1e-12, 1e-11);
      expect_equal(run(config, Backend::cpu, 8, 2, options), whole, 1e-12, 1e-11);
    }
}

TEST_F(StepTest, GoesOverTheDataOnceWhereNothingIsContrasted) {
  ModelConfig config = tiny_model_config();
  std::erase_if(config.objectives,
                [](ObjectiveConfig const& objective) { return objective.kind == "contrast"; });
  Queue queue(Backend::cpu);
  SelfCommunicator self;
  Model model(queue, config, DType::float64, self, Model::whole(config));
  model.initialise(queue, InitMode::dense, 5);
  MeshGroups groups;
  TrainStep step(queue, model, groups, {.global_batch = 8, .seed = 9});
  std::vector<MicroBatch> batches;
  for (std::uint64_t at : {0, 4}) batches.push_back(tiny_batch(config, at, 4));
  Trace trace;
  queue.record_trace(&trace);
  StepFigures const figures = step.run(batches);
  queue.record_trace(nullptr);
  auto const& spans = trace.spans();
  EXPECT_EQ(std::count_if(
                spans.begin(), spans.end(),
                [](Trace::Span const& span) { return std::string_view(span.name) == "forward"; }),
            2);
  ParameterStore const& store = model.parameters();
  EXPECT_NEAR(figures.scalars.at(0),
              std::exp(to_host<double>(queue, store.value(store.find("logit_scale")))[0]), 1e-12);
  expect_equal(run(config, Backend::cpu, 8, 4), run(config, Backend::cpu, 8, 8), 1e-12, 1e-11);
}

TEST_F(StepTest, RecomputingChangesNothing) {
  ModelConfig const config = tiny_model_config();
  Outcome const kept = run(config, Backend::cpu, 4, 4);
  for (Recompute recompute : {Recompute::selective, Recompute::layer})
    expect_equal(run(config, Backend::cpu, 4, 4, {.recompute = recompute}), kept, 0, 1e-15);
}

TEST_F(StepTest, ParityModeEqualsTheDefaultWhenLengthsAreEqual) {
  for (ModelConfig config : {tiny_model_config(), tiny_audio_model_config()}) {
    Outcome const masked = run(config, Backend::cpu, 4, 4, {}, 6);
    config.parity = {.decoder_key_mask = false, .audio_pad_zero = false};
    expect_equal(run(config, Backend::cpu, 4, 4, {}, 6), masked, 1e-12, 1e-12);
  }
}

TEST_F(StepTest, ParityModeLetsSoundsSeeThePaddingOfTheirPool) {
  ModelConfig config = tiny_audio_model_config();
  Outcome const alone = run(config, Backend::cpu, 4, 4);
  config.parity.audio_pad_zero = false;
  Outcome const padded = run(config, Backend::cpu, 4, 4);
  EXPECT_GT(std::abs(padded.terms[0] - alone.terms[0]), 1e-6);
  config.loss.denoising_pool = 1;  // each sound a pool of its own
  EXPECT_NEAR(run(config, Backend::cpu, 4, 4).terms[0], alone.terms[0], 1e-12);
}

TEST_F(StepTest, AFrozenSideGetsNoPassWithGradient) {
  std::vector<Pass> const passes = resolve_passes(tiny_audio_model_config());
  ASSERT_EQ(passes.size(), 5u);
  EXPECT_EQ(passes[0], (Pass{.modalities = {0}, .contrasted = true}));
  EXPECT_EQ(passes[1], (Pass{.modalities = {1}, .gradient = true, .contrasted = true}));
  EXPECT_EQ(passes[2], (Pass{.modalities = {0, 1}}));
  EXPECT_EQ(passes[3], (Pass{.modalities = {1}, .masked = true, .gradient = true}));
  EXPECT_EQ(passes[4], (Pass{.modalities = {0, 1}, .masked = true, .gradient = true}));
  ModelConfig thawed = tiny_audio_model_config();
  thawed.frozen.erase(thawed.frozen.begin() + 3);  // the shared attention trains
  EXPECT_TRUE(resolve_passes(thawed)[0].gradient);
}

TEST_F(StepTest, ParityModeAttendsToPaddedSlots) {
  ModelConfig config = tiny_model_config();
  Outcome const masked = run(config, Backend::cpu, 4, 4);
  config.parity.decoder_key_mask = false;
  Outcome const parity = run(config, Backend::cpu, 4, 4);
  EXPECT_GT(std::abs(parity.terms[1] - masked.terms[1]), 1e-9);
  EXPECT_EQ(parity.terms[0], masked.terms[0]);
}

namespace {

// Names and sizes of the parameters of the 4B model over some modalities, without their memory.
std::map<std::string, Index> official_parameters(std::vector<ModalityConfig> modalities) {
  ModelConfig config;
  config.encoder = {.embed_dim = 1536,
                    .layers = 40,
                    .heads = 24,
                    .ffn_dim = 6144,
                    .layer_scale_init = 1e-6,
                    .drop_path = 0.4};
  config.decoder = {.embed_dim = 768, .layers = 2, .heads = 12, .ffn_dim = 2048};
  config.modalities = std::move(modalities);
  config.objectives = {
      {.name = "contrast", .kind = "contrast", .student = {1}, .teacher = {0}},
      {.name = "denoise", .kind = "denoise", .student = {1}, .teacher = {1}, .modality = 1}};
  std::map<std::string, Index> sizes;
  for (ParameterSpec const& parameter : Model::describe(config))
    sizes[parameter.name] = parameter.shape.size();
  return sizes;
}

Index total(std::map<std::string, Index> const& sizes) {
  Index sum = 0;
  for (auto const& [name, size] : sizes) sum += size;
  return sum;
}

}  // namespace

TEST(Model, HasTheOfficialNumbersOfParameters) {
  ModalityConfig const text{.name = "text", .adapter = "token"},
      image{.name = "image", .adapter = "patch"},
      audio{.name = "audio", .adapter = "convolution", .positions = 1026, .bucket_size = 512};
  auto const first = official_parameters({text, image}),
             second = official_parameters({text, audio});
  EXPECT_EQ(total(first), 2759268497);
  EXPECT_EQ(first.size(), 1174u);
  EXPECT_EQ(total(second), 2775509857);
  EXPECT_EQ(total(official_parameters({text, image, audio})), 3926288577);
  // What stage 2 carries through from stage 1 makes it the whole.
  auto all = second;
  all.insert(first.begin(), first.end());
  EXPECT_EQ(total(all), 3926288577);
}
