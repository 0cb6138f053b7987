#include "core/tensor/parameter_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace accord {
namespace {

// A fused pair split by rows, one matrix split by columns, a split bias, replicated and frozen
// ones.
void add_parameters(ParameterStore& store) {
  store.add(ParameterSpec{.name = "table", .shape = {5, 3}, .distribution = Distribution::partial});
  store.add(std::vector<ParameterSpec>{
      {.name = "wi_0", .shape = {8, 6}, .distribution = Distribution::split},
      {.name = "wi_1", .shape = {8, 6}, .distribution = Distribution::split}});
  store.add(ParameterSpec{
      .name = "wo", .shape = {6, 8}, .distribution = Distribution::split, .split_dimension = 1});
  store.add(ParameterSpec{.name = "bias", .shape = {8}, .distribution = Distribution::split});
  store.add(ParameterSpec{.name = "frozen",
                          .shape = {4, 4},
                          .distribution = Distribution::split,
                          .split_dimension = 1,
                          .trainable = false});
  store.add(ParameterSpec{.name = "logit_scale", .shape = {}});
}

TEST(ParameterStore, PutsTrainableParametersFirstAndGroupsBackToBack) {
  Queue queue(Backend::cpu);
  ParameterStore store;
  add_parameters(store);
  store.allocate(queue, DType::float32);
  int const wi_0 = store.find("wi_0"), wi_1 = store.find("wi_1"), frozen = store.find("frozen");
  EXPECT_EQ(store.find("nothing"), -1);
  EXPECT_EQ(store.flat_begin(wi_1), store.flat_begin(wi_0) + 48);
  EXPECT_EQ(store.fused_value(wi_0, 2).shape(), (Shape{16, 6}));
  EXPECT_EQ(store.fused_value(wi_0, 2).data(), store.value(wi_0).data());
  EXPECT_GE(store.flat_begin(frozen), store.trainable_size());
  EXPECT_FALSE(store.gradient(frozen));
  EXPECT_EQ(store.flat_gradients().size(), store.trainable_size());
  for (int id : {store.find("table"), wi_0, store.find("wo"), frozen})
    EXPECT_EQ(store.flat_begin(id) % 64, 0) << store.spec(id).name;
}

TEST(ParameterStore, GivesShardsWhosePiecesReassembleTheWhole) {
  for (int tensor_size : {1, 2, 4}) {
    std::vector<std::vector<int>> seen(7);
    for (int tensor_rank = 0; tensor_rank < tensor_size; ++tensor_rank) {
      Queue queue(Backend::cpu);
      ParameterStore store(tensor_rank, tensor_size);
      add_parameters(store);
      store.allocate(queue, DType::float64);
      // In ranges of an awkward length, as data-parallel ownership cuts them.
      for (Index begin = 0; begin < store.total_size(); begin += 13) {
        Index const end = std::min<Index>(begin + 13, store.total_size());
        Index at = begin;
        for (ParameterPiece const& piece : store.pieces(begin, end)) {
          EXPECT_GE(piece.flat_begin, at);
          at = piece.flat_begin + piece.count;
          ParameterSpec const& spec = store.spec(piece.parameter);
          if (spec.distribution != Distribution::split && tensor_rank > 0) continue;
          auto& counts = seen[static_cast<std::size_t>(piece.parameter)];
          counts.resize(static_cast<std::size_t>(spec.shape.size()));
          for (Index i = 0; i < piece.count; ++i)
            ++counts[static_cast<std::size_t>(piece.logical_begin + i)];
        }
        EXPECT_LE(at, end);
      }
    }
    for (auto const& counts : seen) {
      EXPECT_FALSE(counts.empty());
      for (int count : counts) EXPECT_EQ(count, 1) << "tensor_size " << tensor_size;
    }
  }
}

TEST(ParameterStore, RefusesASplitThatDoesNotDivide) {
  ParameterStore store(0, 3);
  try {
    store.add(ParameterSpec{.name = "wi_0", .shape = {8, 6}, .distribution = Distribution::split});
    FAIL() << "nothing was thrown";
  } catch (UsageError const& error) {
    EXPECT_NE(std::string(error.what()).find("wi_0"), std::string::npos);
  }
}

TEST(ParameterStore, RefusesTwoParametersOfOneName) {
  ParameterStore store;
  store.add(ParameterSpec{.name = "a", .shape = {1}});
  EXPECT_THROW(store.add(ParameterSpec{.name = "a", .shape = {1}}), Error);
}

}  // namespace
}  // namespace accord
