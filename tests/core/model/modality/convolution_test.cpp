#include "core/model/modality/convolution.hpp"

#include <gtest/gtest.h>

#include "core/model/modality/convolution_stem.hpp"
#include "core/tensor/initial_values.hpp"
#include "tests/support/op_testing.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord {
namespace {

using testing::values_of;

class ConvolutionTest : public ::testing::Test {
 protected:
  static constexpr Index d = 16;
  ConvolutionTest()
      : config_(testing::tiny_audio_model_config().modalities[1]),
        adapter_(convolution_family.make(
            {queue_, ParameterScope(store_, rules_), d, DType::float64}, config_)) {
    store_.allocate(queue_, DType::float64);
    initialise(queue_, store_, InitMode::dense, 3);
  }

  /// Sounds of these numbers of samples: the first one's begin is everyone's.
  static ModalityInput sounds(std::vector<Index> const& lengths) {
    ModalityInput input;
    input.dtype = DType::float32;
    for (Index length : lengths) {
      std::vector<double> const values = testing::random_values(length, 5);
      std::vector<float> const samples(values.begin(), values.end());
      auto const* bytes = reinterpret_cast<std::byte const*>(samples.data());
      input.data.insert(input.data.end(), bytes, bytes + samples.size() * sizeof(float));
      input.offsets.push_back(input.offsets.back() + length);
    }
    return input;
  }

  /// The rows of sequences given as (sample, positions), one after another.
  std::vector<double> placed(
      ModalityInput const& input,
      std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> const& sequences) {
    RowPlacement placement;
    for (auto const& [sample, positions] : sequences)
      for (std::int32_t position : positions) {
        placement.rows.push_back(static_cast<std::int32_t>(placement.rows.size()));
        placement.samples.push_back(sample);
        placement.positions.push_back(position);
      }
    Tensor x =
        Tensor::zeros(queue_, DType::float64, {static_cast<Index>(placement.rows.size()), d});
    auto const saved = adapter_->prepare(queue_, input);
    adapter_->place(queue_, *saved, placement, x);
    return values_of(queue_, x);
  }

  Queue queue_{Backend::cpu};
  ParameterStore store_;
  ParameterScope::Rules rules_;
  ModalityConfig config_;
  std::unique_ptr<Adapter> adapter_;
};

std::vector<std::int32_t> all(Index tokens) {
  std::vector<std::int32_t> positions;
  for (std::int32_t i = 0; i < tokens; ++i) positions.push_back(i);
  return positions;
}

TEST_F(ConvolutionTest, CountsTheFramesOfThePublishedKernels) {
  ModalityConfig const published;
  for (auto [seconds, frames] :
       {std::pair{1, 49}, {2, 99}, {5, 249}, {10, 499}, {15, 749}, {20, 999}})
    EXPECT_EQ(ConvolutionStem::frames(published, seconds * 16000), frames);
  EXPECT_EQ(ConvolutionStem::frames(published, 400), 1);
  EXPECT_EQ(ConvolutionStem::frames(published, 399), 0);
  EXPECT_EQ(ConvolutionStem::frames(published, 0), 0);
}

TEST_F(ConvolutionTest, ASoundIsEmbeddedAloneAsAmongOthers) {
  Index const tokens = adapter_->tokens(50);
  std::vector<double> const alone = placed(sounds({50}), {{0, all(tokens)}});
  std::vector<double> const among =
      placed(sounds({70, 50, 33}),
             {{0, all(adapter_->tokens(70))}, {1, all(tokens)}, {2, all(adapter_->tokens(33))}});
  auto const begin = among.begin() + adapter_->tokens(70) * d;
  testing::expect_near({begin, begin + tokens * d}, alone, 1e-13, "u");
}

TEST_F(ConvolutionTest, PositionsSeeOnlyTheFramesKeptMovedTogether) {
  ModalityInput const input = sounds({80});
  std::vector<double> const some = placed(input, {{0, {0, 2, 3, 9}}});
  // The same frames, whatever else the other sequences of the batch keep.
  std::vector<double> const again =
      placed(input, {{0, all(adapter_->tokens(80))}, {0, {0, 2, 3, 9}}, {0, {0, 5}}});
  auto const begin = again.begin() + adapter_->tokens(80) * d;
  testing::expect_near({begin, begin + 4 * d}, some, 1e-13, "kept frames");
  // Not the positions they have in the whole sequence.
  double difference = 0;
  for (Index j = 0; j < d; ++j) difference += std::abs(some[d + j] - again[2 * d + j]);
  EXPECT_GT(difference, 1e-3);
  // The class token is the same in both.
  testing::expect_near({again.begin(), again.begin() + d}, {some.begin(), some.begin() + d}, 0,
                       "class token");
}

}  // namespace
}  // namespace accord
