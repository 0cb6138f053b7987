#include "core/model/modality/patch_sequence.hpp"

#include <gtest/gtest.h>

#include "core/model/modality/position_bias.hpp"
#include "core/tensor/initial_values.hpp"
#include "tests/support/op_testing.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord {
namespace {

using testing::values_of;

constexpr Index d = 6;

/// An adapter of its own, with weights drawn at random.
struct Embedder {
  explicit Embedder(ModalityConfig config) : config(std::move(config)) {
    adapter = patch_sequence_family.make({queue, ParameterScope(store, rules), d, DType::float64},
                                         this->config);
    store.allocate(queue, DType::float64);
    initialise(queue, store, InitMode::dense, 3);
  }

  /// Items of these numbers of frames.
  ModalityInput items(std::vector<Index> const& frames) const {
    ModalityInput input;
    input.dtype = DType::float32;
    for (Index const count : frames) {
      Index const elements = count * frame_elements(config);
      std::vector<double> const values = testing::random_values(elements, 5);
      std::vector<float> const narrow(values.begin(), values.end());
      auto const* bytes = reinterpret_cast<std::byte const*>(narrow.data());
      input.data.insert(input.data.end(), bytes, bytes + narrow.size() * sizeof(float));
      input.offsets.push_back(input.offsets.back() + elements);
    }
    return input;
  }
  /// Every token of every item, one after another.
  RowPlacement all(ModalityInput const& input) const {
    RowPlacement placement;
    for (std::size_t s = 0; s + 1 < input.offsets.size(); ++s) {
      Index const tokens = adapter->tokens(input.offsets[s + 1] - input.offsets[s]);
      for (std::int32_t t = 0; t < tokens; ++t) {
        placement.rows.push_back(static_cast<std::int32_t>(placement.rows.size()));
        placement.samples.push_back(static_cast<std::int32_t>(s));
        placement.positions.push_back(t);
      }
    }
    return placement;
  }
  std::vector<double> embed(ModalityInput const& input, RowPlacement const& placement) {
    Tensor x = Tensor::zeros(queue, DType::float64, {static_cast<Index>(placement.rows.size()), d});
    auto const saved = adapter->prepare(queue, input);
    adapter->place(queue, *saved, placement, x);
    return values_of(queue, x);
  }
  double parameter(std::string const& name, Index i) {
    return store.value(store.find(name)).as<double>()[i];
  }

  Queue queue{Backend::reference};
  ParameterStore store;
  ParameterScope::Rules rules;
  ModalityConfig config;
  std::unique_ptr<Adapter> adapter;
};

ModalityConfig series() { return testing::tiny_sequence_model_config({2}).modalities[1]; }
ModalityConfig video() { return testing::tiny_sequence_model_config({4, 6, 3}).modalities[1]; }

TEST(PatchSequence, CountsPatchesOfFramesRowsAndColumns) {
  auto const tokens = [](ModalityConfig const& config, Index frames) {
    return patch_sequence_family.tokens(config, frames * frame_elements(config));
  };
  EXPECT_EQ(tokens(series(), 1), 2);
  EXPECT_EQ(tokens(series(), 2), 2);
  EXPECT_EQ(tokens(series(), 3), 3);
  EXPECT_EQ(tokens(series(), 15), 9);
  EXPECT_EQ(Embedder(series()).adapter->max_tokens(), 9);
  EXPECT_EQ(tokens(video(), 1), 7);  // 2 x 3 patches of 2 x 2 pixels
  EXPECT_EQ(tokens(video(), 3), 13);
  EXPECT_EQ(Embedder(video()).adapter->max_tokens(), 19);
  EXPECT_EQ(patch_sequence_family.decoder_positions(video()).rows, 19);
}

TEST(PatchSequence, HasAsManyBucketsAsTokens) {
  EXPECT_EQ(patch_sequence_family.buckets(series()).size, 9);
  EXPECT_EQ(patch_sequence_family.buckets(series()).rows, log_bucket_rows(8));
  EXPECT_EQ(patch_sequence_family.buckets(video()).size, 19);
  EXPECT_EQ(patch_sequence_family.buckets(video()).rows, 5 * 3 * 5 + 3);
}

TEST(PatchSequence, IsAProjectionOfEachPatchWithItsPosition) {
  for (ModalityConfig const& config : {series(), video()}) {
    Embedder e(config);
    bool const wide = config.frame.size() == 3;
    Index const rows = wide ? 2 : 1, columns = wide ? 3 : 1, side = wide ? 2 : 1,
                channels = config.frame.back();
    std::vector<Index> const frames{3, 1, 4};  // the second is shorter than a patch
    ModalityInput const input = e.items(frames);
    auto const* elements = reinterpret_cast<float const*>(input.data.data());
    std::vector<double> want;
    for (std::size_t s = 0; s < frames.size(); ++s) {
      for (Index j = 0; j < d; ++j)
        want.push_back(e.parameter("cls_embedding", j) + e.parameter("pos_embed", j));
      Index position = 1;
      for (Index first = 0; first < frames[s]; first += 2)
        for (Index row = 0; row < rows; ++row)
          for (Index column = 0; column < columns; ++column, ++position)
            for (Index j = 0; j < d; ++j) {
              double u =
                  e.parameter("embed_patches.bias", j) + e.parameter("pos_embed", position * d + j);
              Index weight = j * 2 * side * side * channels;
              for (Index f = first; f < first + 2; ++f)
                for (Index y = row * side; y < (row + 1) * side; ++y)
                  for (Index x = column * side; x < (column + 1) * side; ++x)
                    for (Index c = 0; c < channels; ++c, ++weight)
                      if (f < frames[s])
                        u += e.parameter("embed_patches.weight", weight) *
                             elements[input.offsets[s] +
                                      ((f * rows * side + y) * columns * side + x) * channels + c];
              want.push_back(u);
            }
    }
    testing::expect_near(e.embed(input, e.all(input)), want, 1e-13, "u");
  }
}

TEST(PatchSequence, BackwardMatchesFiniteDifferences) {
  for (ModalityConfig const& config : {series(), video()}) {
    Embedder e(config);
    ModalityInput const input = e.items({3, 1, 5});
    // Two passes: everything, and some tokens of some items.
    RowPlacement const whole = e.all(input);
    RowPlacement const some{
        .rows = {0, 1, 2, 3}, .samples = {0, 0, 2, 2}, .positions = {0, 2, 0, 3}};
    auto const upstream = [&](RowPlacement const& placement, std::uint32_t seed) {
      return testing::random_values(static_cast<Index>(placement.rows.size()) * d, seed);
    };
    auto const loss = [&] {
      return testing::dot(e.embed(input, whole), upstream(whole, 7)) +
             testing::dot(e.embed(input, some), upstream(some, 8));
    };
    auto const saved = e.adapter->prepare(e.queue, input);
    for (auto const& [placement, seed] : {std::pair(whole, 7u), {some, 8u}})
      e.adapter->backward(e.queue, *saved, placement,
                          testing::tensor_of(e.queue, DType::float64, upstream(placement, seed),
                                             {static_cast<Index>(placement.rows.size()), d}));
    e.adapter->finish_backward(e.queue, *saved);
    for (int id = 0; id < e.store.count(); ++id) {
      View const value = e.store.value(id);
      std::vector<double> const values = values_of(e.queue, value);
      auto const loss_at = [&](std::vector<double> const& moved) {
        std::copy(moved.begin(), moved.end(), value.as<double>());
        return loss();
      };
      testing::expect_gradient(values, values_of(e.queue, e.store.gradient(id)), loss_at, 1e-8,
                               e.store.spec(id).name.c_str());
      loss_at(values);
    }
  }
}

}  // namespace
}  // namespace accord
