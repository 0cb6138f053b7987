#include "core/model/batch_contrast.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/comm/self_communicator.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;

TEST(BatchContrast, NamesTheMicroBatchAndModalityWhoseEmbeddingsChangedBetweenPasses) {
  ModelConfig const config = accord::testing::tiny_model_config();
  Queue queue(Backend::cpu);
  SelfCommunicator self;
  Model model(queue, config, DType::float64, self, Model::whole(config));
  model.initialise(queue, InitMode::dense, 5);
  MicroBatch const batch = accord::testing::tiny_batch(config, 0, 4);
  StepOptions const options{.global_batch = 4, .seed = 9};
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
