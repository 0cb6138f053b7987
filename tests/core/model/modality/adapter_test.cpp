#include "core/model/modality/adapter.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/module_gradcheck.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord {
namespace {

constexpr Index embedded_width = 16;

/// As two passes place them: all tokens of two items, then every second one once more.
RowPlacement twice(std::vector<Index> const& lengths) {
  RowPlacement placement;
  for (std::int32_t const step : {1, 2})
    for (std::int32_t s = 0; s < 2; ++s)
      for (std::int32_t p = 0; p < lengths[static_cast<std::size_t>(s)]; p += step) {
        placement.samples.push_back(s);
        placement.positions.push_back(p);
      }
  // Rows in another order than the tokens', with gaps.
  auto const n = static_cast<std::int32_t>(placement.samples.size());
  for (std::int32_t i = 0; i < n; ++i) placement.rows.push_back(2 * (n - 1 - i) + i % 2);
  return placement;
}

// x: what is in the rows already; y: with the tokens placed.
testing::MakeModule embedding(ModelConfig const& config, Modality modality) {
  return [=](Queue& queue, ParameterScope const& scope, TensorParallelRegion const&) {
    auto const m = modality.index();
    ModalityConfig const& own = config.modalities[m];
    std::shared_ptr<Adapter> const adapter =
        adapter_family(own.adapter).make({queue, scope, embedded_width, DType::float64}, own);
    MicroBatch const batch = testing::tiny_batch(config, 0, 2);
    RowPlacement const placement = twice(batch.lengths[m]);
    auto const items = std::make_shared<std::unique_ptr<Adapter::Saved>>();
    return testing::TestedModule{[=](Queue& q, ConstView x) {
                                   *items = adapter->prepare(q, batch.inputs[m]);
                                   Tensor y = Tensor::zeros(q, x.dtype(), x.shape());
                                   adapter->place(q, **items, placement, y);
                                   return y;
                                 },
                                 [=](Queue& q, ConstView x, ConstView dy) {
                                   adapter->backward(q, **items, placement, dy);
                                   adapter->finish_backward(q, **items);
                                   return Tensor::zeros(q, x.dtype(), x.shape());
                                 }};
  };
}

Shape rows_for(ModelConfig const& config, Modality modality) {
  auto const lengths = testing::tiny_batch(config, 0, 2).lengths[modality.index()];
  return {2 * static_cast<Index>(twice(lengths).rows.size()), embedded_width};
}

void expect_gradients_match(ModelConfig const& config, Modality modality,
                            std::vector<std::string> const& frozen = {}) {
  SCOPED_TRACE(config.modalities[modality.index()].adapter);
  testing::expect_module_gradients_match_finite_differences(embedding(config, modality),
                                                            rows_for(config, modality), frozen);
}

TEST(Adapter, OfTokensHasTheGradientsOfFiniteDifferences) {
  expect_gradients_match(testing::tiny_model_config(), 0);
  expect_gradients_match(testing::tiny_model_config(), 0, {"embed_tokens"});
}

TEST(Adapter, OfPicturesHasTheGradientsOfFiniteDifferences) {
  ModelConfig config = testing::tiny_model_config();
  config.modalities[1].position_side = 2;  // resized to 3
  expect_gradients_match(config, 1);
  config.modalities[1].position_side = 0;
  config.modalities[1].stem = StemKind::mlp;
  expect_gradients_match(config, 1);
}

TEST(Adapter, OfSoundsHasTheGradientsOfFiniteDifferences) {
  expect_gradients_match(testing::tiny_audio_model_config(), 1);
}

TEST(Adapter, OfSeriesAndVideosHasTheGradientsOfFiniteDifferences) {
  expect_gradients_match(testing::tiny_sequence_model_config({3}), 1);
  expect_gradients_match(testing::tiny_sequence_model_config({4, 2, 3}), 1);
}

}  // namespace
}  // namespace accord
