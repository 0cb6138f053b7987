#include "parallel/pipeline/train_step.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/comm/self_communicator.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;
using namespace accord::testing;

namespace {

struct Outcome {
  std::vector<double> terms, correct;
  double loss = 0;
  std::vector<std::vector<double>> gradients;  // by parameter, empty where frozen
};

class StepTest : public ::testing::Test {
 protected:
  // One step over the samples [0, global), in micro-batches of `micro`.
  Outcome run(ModelConfig const& config, Backend backend, Index global, Index micro,
              StepOptions options = {}, Index equal_length = 0) {
    Queue queue(backend);
    SelfCommunicator self;
    Model model(queue, config, DType::float64, self, Model::whole(config));
    model.initialise(queue, InitMode::dense, 5);
    options.global_batch = global;
    options.seed = 9;
    MeshGroups groups;
    TrainStep step(queue, model, groups, options);
    std::vector<MicroBatch> batches;
    for (Index at = 0; at < global; at += micro)
      batches.push_back(tiny_batch(config, static_cast<std::uint64_t>(at), micro, equal_length));
    StepFigures const figures = step.run(batches);
    Outcome outcome{figures.terms, figures.correct, total_loss(config, figures.terms), {}};
    ParameterStore& store = model.parameters();
    for (int id = 0; id < store.count(); ++id) {
      names_.resize(static_cast<std::size_t>(store.count()));
      names_[static_cast<std::size_t>(id)] = store.spec(id).name;
      View const g = store.gradient(id);
      outcome.gradients.push_back(g ? to_host<double>(queue, g) : std::vector<double>{});
    }
    return outcome;
  }

  // Relative L2 per tensor with a floor of 1e-14 of the global norm (design.md, I1).
  void expect_equal(Outcome const& got, Outcome const& want, double term_tolerance,
                    double gradient_tolerance) {
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
                std::max(gradient_tolerance * std::sqrt(norm), 1e-14 * std::sqrt(global)))
          << names_[i];
    }
  }

  std::vector<std::string> names_;
};

}  // namespace

TEST_F(StepTest, GradientsMatchFiniteDifferences) {
  ModelConfig config = tiny_model_config(2);
  Queue queue(Backend::reference);
  SelfCommunicator self;
  Model model(queue, config, DType::float64, self, Model::whole(config));
  model.initialise(queue, InitMode::dense, 5);
  MeshGroups groups;
  TrainStep step(queue, model, groups, {.global_batch = 4, .seed = 9});
  std::vector<MicroBatch> batches;
  batches.push_back(tiny_batch(config, 0, 4));
  ParameterStore& store = model.parameters();

  // The teachers are constants of the official gradient, so the finite difference must hold them:
  // only the contrast is differentiated whole here; denoising terms are checked through parameters
  // no teacher depends on.
  auto loss = [&](bool contrast_only) {
    store.zero_gradients(queue);
    StepFigures const figures = step.run(batches);
    return contrast_only ? figures.terms[0] : total_loss(config, figures.terms);
  };
  auto check = [&](bool contrast_only) {
    int checked = 0;
    for (int id = 0; id < store.count(); ++id) {
      std::string const& name = store.spec(id).name;
      if (!store.spec(id).trainable) continue;
      bool const behind_teachers = !name.starts_with("encoder_wrapper");
      if (!contrast_only && !behind_teachers) continue;
      View const value = store.value(id);
      double* values = value.as<double>();
      for (Index k : {Index{0}, value.size() / 2}) {
        double const h = 1e-5, was = values[k];
        values[k] = was + h;
        double const up = loss(contrast_only);
        values[k] = was - h;
        double const down = loss(contrast_only);
        values[k] = was;
        loss(contrast_only);
        double const analytic = store.gradient(id).as<double>()[k];
        EXPECT_NEAR(analytic, (up - down) / (2 * h), 1e-7 + 1e-6 * std::abs(analytic))
            << name << "[" << k << "]";
        ++checked;
      }
    }
    EXPECT_GT(checked, 30);
  };
  check(false);
}

TEST_F(StepTest, ContrastGradientsMatchFiniteDifferences) {
  ModelConfig config = tiny_model_config(2);
  config.objectives.resize(1);
  config.decoder.layers = 0;
  Queue queue(Backend::reference);
  SelfCommunicator self;
  Model model(queue, config, DType::float64, self, Model::whole(config));
  model.initialise(queue, InitMode::dense, 5);
  MeshGroups groups;
  TrainStep step(queue, model, groups, {.global_batch = 3, .seed = 9});
  std::vector<MicroBatch> batches;
  batches.push_back(tiny_batch(config, 0, 3));
  ParameterStore& store = model.parameters();
  auto loss = [&] {
    store.zero_gradients(queue);
    return step.run(batches).terms[0];
  };
  for (int id = 0; id < store.count(); ++id) {
    View const value = store.value(id);
    double* values = value.as<double>();
    for (Index k : {Index{0}, value.size() / 2, value.size() - 1}) {
      double const h = 1e-5, was = values[k];
      values[k] = was + h;
      double const up = loss();
      values[k] = was - h;
      double const down = loss();
      values[k] = was;
      loss();
      double const analytic = store.gradient(id).as<double>()[k];
      EXPECT_NEAR(analytic, (up - down) / (2 * h), 1e-8 + 1e-6 * std::abs(analytic))
          << store.spec(id).name << "[" << k << "]";
    }
  }
}

TEST_F(StepTest, PackedStepEqualsThePlainPaddedOne) {
  ModelConfig config = tiny_model_config();
  config.loss.denoising_pool = 5;
  Outcome const plain =
      run(config, Backend::reference, 5, 5, {.skip_branches = false, .pad = true});
  Outcome const packed = run(config, Backend::cpu, 5, 5);
  expect_equal(packed, plain, 1e-12, 1e-11);
}

TEST_F(StepTest, MicroBatchesChangeNothing) {
  ModelConfig const config = tiny_model_config();
  for (ContrastGradient gradient : {ContrastGradient::exact, ContrastGradient::anchor}) {
    StepOptions const options{.contrast_gradient = gradient};
    Outcome const whole = run(config, Backend::cpu, 8, 8, options);
    expect_equal(run(config, Backend::cpu, 8, 4, options), whole, 1e-12, 1e-11);
    expect_equal(run(config, Backend::cpu, 8, 2, options), whole, 1e-12, 1e-11);
  }
}

TEST_F(StepTest, RecomputingChangesNothing) {
  ModelConfig const config = tiny_model_config();
  Outcome const kept = run(config, Backend::cpu, 4, 4);
  for (Recompute recompute : {Recompute::selective, Recompute::layer})
    expect_equal(run(config, Backend::cpu, 4, 4, {.recompute = recompute}), kept, 0, 1e-15);
}

TEST_F(StepTest, ParityModeEqualsTheDefaultWhenLengthsAreEqual) {
  ModelConfig config = tiny_model_config();
  Outcome const masked = run(config, Backend::cpu, 4, 4, {}, 6);
  config.parity.decoder_key_mask = false;
  expect_equal(run(config, Backend::cpu, 4, 4, {}, 6), masked, 1e-12, 1e-12);
}

TEST_F(StepTest, ParityModeAttendsToPaddedSlots) {
  ModelConfig config = tiny_model_config();
  Outcome const masked = run(config, Backend::cpu, 4, 4);
  config.parity.decoder_key_mask = false;
  Outcome const parity = run(config, Backend::cpu, 4, 4);
  EXPECT_GT(std::abs(parity.terms[1] - masked.terms[1]), 1e-9);
  EXPECT_EQ(parity.terms[0], masked.terms[0]);
}

TEST(Model, HasTheOfficialNumberOfParametersInStageOne) {
  ModelConfig config = tiny_model_config();
  config.encoder = {.embed_dim = 1536,
                    .layers = 40,
                    .heads = 24,
                    .ffn_dim = 6144,
                    .layer_scale_init = 1e-6,
                    .drop_path = 0.4};
  config.decoder = {.embed_dim = 768, .layers = 2, .heads = 12, .ffn_dim = 2048};
  config.modalities[0] = {.name = "text", .adapter = "token"};
  config.modalities[1] = {.name = "image", .adapter = "patch"};
  Queue queue(Backend::cpu);
  SelfCommunicator self;
  // Named parameters without their memory: the count is that of spec 1.11.
  ParameterStore store;
  ParameterScope::Rules const rules;
  ParameterScope const scope(store, rules);
  TensorParallelRegion const region(self);
  Encoder const encoder(queue, scope / "encoder_wrapper", config, DType::float32, region,
                        Model::whole(config));
  Decoder const decoder(scope, config, DType::float32, region);
  for (ModalityConfig const& m : config.modalities) Projection(scope, m.name, 1536);
  Index count = 1;  // logit_scale
  for (int id = 0; id < store.count(); ++id) count += store.spec(id).shape.size();
  EXPECT_EQ(count, 2759268497);
  EXPECT_EQ(store.count() + 1, 1174);
}
