#include "parallel/pipeline/evaluation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "parallel/comm/thread_communicator.hpp"
#include "parallel/pipeline/batch_broadcast.hpp"
#include "parallel/pipeline/stages.hpp"
#include "tests/support/op_testing.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;
using namespace accord::testing;

namespace {

struct Layout {
  Backend backend = Backend::cpu;
  DType dtype = DType::float64;
  MeshShape mesh = {};
  bool sequence = false;
  int chunks = 1;
  std::vector<Index> part_layers = {};
};

using Rows = std::vector<std::vector<double>>;  // by micro-batch

// What `evaluate` says of as many micro-batches of three samples as `micro_batches`, which the
// first rank of each replica alone has read; replica d's are those after replica d - 1's.
template <class Evaluate>
Rows rows_of(Layout const& layout, ModelConfig const& config, int micro_batches,
             Evaluate const& evaluate) {
  constexpr Index samples = 3;
  MeshShape const& mesh = layout.mesh;
  Rows rows(static_cast<std::size_t>(micro_batches));
  ThreadGroup(mesh.data * mesh.pipeline * mesh.tensor).run([&](GroupCommunicator& world) {
    Queue queue(layout.backend);
    MeshGroups groups = make_groups(world, mesh, {.check_collectives = true});
    Model model(queue, config, layout.dtype, *groups.tensor,
                chunks_of_stage(config.encoder.layers, groups.pipeline->rank(), mesh.pipeline,
                                layout.chunks, layout.part_layers),
                layout.sequence);
    model.initialise(queue, InitMode::dense, 5);
    int const share = micro_batches / mesh.data, first = groups.data->rank() * share;
    std::vector<MicroBatch> batches;
    for (int i = first; i < first + share && groups.replica->rank() == 0; ++i)
      batches.push_back(tiny_batch(config, static_cast<std::uint64_t>(i * samples), samples));
    batches = broadcast_batches(queue, groups, std::move(batches));
    Evaluation evaluation(queue, model, groups);
    std::vector<Tensor> const mine = evaluate(evaluation, batches);
    bool const last_stage = groups.pipeline->rank() == mesh.pipeline - 1;
    EXPECT_EQ(mine.size(), last_stage ? batches.size() : 0u);
    for (std::size_t i = 0; i < mine.size() && groups.tensor->rank() == 0; ++i)
      rows[static_cast<std::size_t>(first) + i] = values_of(queue, mine[i]);
  });
  return rows;
}

Rows embeddings(Layout const& layout, ModelConfig const& config, Modality modality,
                int micro_batches = 4) {
  return rows_of(layout, config, micro_batches, [modality](auto& evaluation, auto const& batches) {
    return evaluation.embed(batches, modality);
  });
}

Rows logits(Layout const& layout, ModelConfig const& config) {
  return rows_of(layout, config, 4, [](auto& evaluation, auto const& batches) {
    return evaluation.classify(batches);
  });
}

double norm_of(std::vector<double> const& values) {
  double squares = 0;
  for (double const v : values) squares += v * v;
  return std::sqrt(squares);
}

void expect_near(Rows const& got, Rows const& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got[i].size(), want[i].size());
    ASSERT_GT(norm_of(want[i]), 0.1);
    std::vector<double> difference;
    for (std::size_t k = 0; k < want[i].size(); ++k) difference.push_back(got[i][k] - want[i][k]);
    EXPECT_LE(norm_of(difference), tolerance * norm_of(want[i])) << "micro-batch " << i;
  }
}

// A cut between layers, and another share of the data, move no sum; a cut through layers does.
Layout const cut_between_layers[] = {
    {.mesh = {.pipeline = 2}},
    {.mesh = {.pipeline = 4}, .part_layers = {1, 2, 0, 1}},
    {.mesh = {.pipeline = 2}, .chunks = 2},
    {.mesh = {.data = 2, .pipeline = 2}, .chunks = 2, .part_layers = {1, 2, 1, 0}},
    {.mesh = {.data = 4}},
};
Layout const cut_through_layers[] = {
    {.mesh = {.tensor = 2}},
    {.mesh = {.pipeline = 2, .tensor = 2}, .sequence = true},
    {.mesh = {.data = 2, .pipeline = 2, .tensor = 2}, .sequence = true, .chunks = 2},
};

}  // namespace

TEST(Evaluation, OfStagesEqualsOneRank) {
  for (ModelConfig const& config : {tiny_model_config(4), tiny_audio_model_config(4)})
    for (Modality const m : {0, 1}) {
      Rows const want = embeddings({}, config, m);
      for (Layout const& layout : cut_between_layers)
        EXPECT_EQ(embeddings(layout, config, m), want);
      for (Layout const& layout : cut_through_layers)
        expect_near(embeddings(layout, config, m), want, 1e-11);
    }
}

TEST(Evaluation, OfStagesEqualsOneRankForFewerMicroBatchesThanStages) {
  ModelConfig const config = tiny_model_config(4);
  EXPECT_EQ(embeddings({.mesh = {.pipeline = 4}}, config, 1, 1), embeddings({}, config, 1, 1));
  EXPECT_EQ(embeddings({.mesh = {.pipeline = 2}, .chunks = 2}, config, 1, 1),
            embeddings({}, config, 1, 1));
}

TEST(Evaluation, OfAHeadOverStagesEqualsOneRank) {
  for (Pooling const pooling : {Pooling::attention, Pooling::class_token}) {
    ModelConfig const config = tiny_finetune_config(4, pooling);
    Rows const want = logits({}, config);
    for (Layout const& layout : cut_between_layers) EXPECT_EQ(logits(layout, config), want);
    for (Layout const& layout : cut_through_layers)
      expect_near(logits(layout, config), want, 1e-11);
  }
}

TEST(Evaluation, OfCudaInFloat32EqualsTheCpu) {
  ACCORD_NEEDS_DEVICE();
  Layout const device{.backend = Backend::cuda, .dtype = DType::float32};
  for (Modality const m : {0, 1})
    expect_near(embeddings(device, tiny_model_config(4), m),
                embeddings({}, tiny_model_config(4), m), 1e-5);
  ModelConfig const head = tiny_finetune_config(4, Pooling::attention);
  expect_near(logits(device, head), logits({}, head), 1e-5);
}

TEST(Evaluation, OfOneStageIsOfOneChunk) {
  EXPECT_THROW(embeddings({.chunks = 2}, tiny_model_config(4), 1), Error);
}

TEST(Evaluation, DropsNothing) {
  EXPECT_EQ(embeddings({.mesh = {.pipeline = 2}}, tiny_model_config(4, 0.4), 1),
            embeddings({}, tiny_model_config(4, 0), 1));
}
