#include "core/model/batch_contrast.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/comm/self_communicator.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;

namespace {

class BatchContrastTest : public ::testing::Test {
 protected:
  BatchContrastTest() { model.initialise(queue, InitMode::dense, 5); }

  ModelConfig const config = accord::testing::tiny_model_config();
  Queue queue{Backend::cpu};
  SelfCommunicator self;
  Model model{queue, config, DType::float64, self, Model::whole(config)};
  MicroBatch const batch = accord::testing::tiny_batch(config, 0, 4);
};

}  // namespace

TEST_F(BatchContrastTest, NamesTheMicroBatchAndModalityWhoseEmbeddingsChangedBetweenPasses) {
  StepOptions const options{.global_batch = 4, .seed = 9, .compare_passes = true};
  BatchContrast contrast(queue, model, options, 8);
  MicroStep first(queue, model, options, batch, MicroStep::Passes::contrasted);
  first.forward();
  contrast.keep(first, 4, 4);

  MicroStep second(queue, model, options, batch, MicroStep::Passes::all);
  second.forward();
  EXPECT_NO_THROW(contrast.expect_kept(second, 4, 4, 1));

  StepOptions const redrawn{.global_batch = 4, .seed = 10};
  MicroStep other(queue, model, redrawn, batch, MicroStep::Passes::all);
  other.forward();
  try {
    contrast.expect_kept(other, 4, 4, 1);
    ADD_FAILURE() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("micro-batch 1"),
                                               ::testing::HasSubstr("text embeddings")));
  }
}

TEST_F(BatchContrastTest, HoldsOnlyGradientsAfterTheContrastUnlessPassesAreCompared) {
  Tensor terms = Tensor::zeros(queue, DType::float64, Shape{5}),
         correct = Tensor::zeros(queue, DType::float64, Shape{2});
  auto const let_go = [&](bool compare_passes) {
    StepOptions const options{.global_batch = 4, .seed = 9, .compare_passes = compare_passes};
    BatchContrast contrast(queue, model, options, 4);
    MicroStep step(queue, model, options, batch, MicroStep::Passes::contrasted);
    step.forward();
    contrast.keep(step, 0, 4);
    std::size_t const before = queue.memory().bytes_in_use();
    contrast.run(self, {terms, correct});
    return before - queue.memory().bytes_in_use();
  };
  std::size_t const embeddings =
      2 * 4 * static_cast<std::size_t>(config.encoder.embed_dim) * sizeof(double);
  EXPECT_EQ(let_go(false), embeddings);
  EXPECT_EQ(let_go(true), 0u);
}
