// Fine-tuning at any layout: a classification head, position bias by layer, resized positions.

#include <gtest/gtest.h>

#include <cmath>

#include "parallel/pipeline/train_step.hpp"
#include "tests/parallel/model/layout_run.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;
using namespace accord::testing;

namespace {

LayoutRun run_of(Pooling pooling) {
  return {.model = tiny_finetune_config(4, pooling), .global_batch = 8, .steps = 3};
}

std::string name_of_layout(::testing::TestParamInfo<Layout> const& info) {
  std::string name = to_string(info.param);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

class FinetuneLayouts : public ::testing::TestWithParam<Layout> {};

}  // namespace

TEST_P(FinetuneLayouts, EqualOneRank) {
  for (Pooling const pooling : {Pooling::attention, Pooling::class_token})
    expect_equal(run_layout(GetParam(), run_of(pooling)), run_layout(Layout{}, run_of(pooling)));
}

INSTANTIATE_TEST_SUITE_P(
    Chosen, FinetuneLayouts,
    ::testing::Values(
        Layout{.micro_batches = 4},
        Layout{.mesh = {.data = 2}, .zero = Zero::replicated, .micro_batches = 2},
        Layout{.mesh = {.tensor = 2}, .sequence = true},
        Layout{.mesh = {.pipeline = 2}, .micro_batches = 2, .recompute = Recompute::layer},
        Layout{.mesh = {.data = 2, .pipeline = 2, .tensor = 2},
               .sequence = true,
               .micro_batches = 2,
               .schedule = ScheduleKind::interleaved,
               .chunks = 2}),
    name_of_layout);

// Without a contrast the data are gone over once, whatever the number of micro-batches.
TEST(ClassificationAlone, EqualsOneRankOverStagesAndMicroBatches) {
  LayoutRun run = run_of(Pooling::attention);
  run.model.objectives.erase(run.model.objectives.begin());
  LayoutResult const want = run_layout(Layout{}, run);
  EXPECT_FALSE(want.parameters.contains("logit_scale"));
  EXPECT_FALSE(want.parameters.contains("image_proj.weight"));
  expect_equal(run_layout({.mesh = {.data = 2, .pipeline = 2}, .micro_batches = 2}, run), want);
}

TEST(FinetuneStep, GradientsMatchFiniteDifferences) {
  for (Pooling const pooling : {Pooling::attention, Pooling::class_token}) {
    ModelConfig const config = tiny_finetune_config(2, pooling);
    Queue queue(Backend::reference);
    SelfCommunicator self;
    Model model(queue, config, DType::float64, self, Model::whole(config));
    model.initialise(queue, InitMode::dense, 5);
    MeshGroups groups;
    TrainStep step(queue, model, groups, {.global_batch = 3, .seed = 9});
    std::vector<MicroBatch> batches;
    batches.push_back(tiny_batch(config, 0, 3));
    ParameterStore& store = model.parameters();
    auto const loss = [&] { return total_loss(config, step.run(batches).terms); };
    store.zero_gradients(queue);
    loss();
    std::vector<std::vector<double>> gradients;  // each further step adds to the store's
    for (int id = 0; id < store.count(); ++id)
      gradients.push_back(to_host<double>(queue, store.gradient(id)));
    for (int id = 0; id < store.count(); ++id) {
      View const value = store.value(id);
      std::vector<double> const& gradient = gradients[static_cast<std::size_t>(id)];
      double* const values = value.as<double>();
      for (Index const k : {Index{0}, value.size() / 2, value.size() - 1}) {
        double const h = 1e-5, was = values[k], analytic = gradient[static_cast<std::size_t>(k)];
        values[k] = was + h;
        double const up = loss();
        values[k] = was - h;
        double const down = loss();
        values[k] = was;
        EXPECT_NEAR(analytic, (up - down) / (2 * h), 1e-7 + 1e-6 * std::abs(analytic))
            << store.spec(id).name << "[" << k << "]";
      }
    }
  }
}
