#include "core/tensor/initial_values.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace accord {
namespace {

// A replicated table, a fused pair split by rows, one matrix split by columns.
void add_split_parameters(ParameterStore& store) {
  store.add(ParameterSpec{.name = "table", .shape = {5, 3}, .distribution = Distribution::partial});
  store.add(std::vector<ParameterSpec>{
      {.name = "wi_0", .shape = {8, 6}, .distribution = Distribution::split},
      {.name = "wi_1", .shape = {8, 6}, .distribution = Distribution::split}});
  store.add(ParameterSpec{
      .name = "wo", .shape = {6, 8}, .distribution = Distribution::split, .split_dimension = 1});
}

TEST(Initialise, GivesAShardItsSliceOfTheWhole) {
  Queue queue(Backend::cpu);
  ParameterStore whole;
  add_split_parameters(whole);
  whole.allocate(queue, DType::float64);
  initialise(queue, whole, InitMode::dense, 7);
  auto const value = [&](ParameterStore& store, char const* name) {
    return to_host<double>(queue, store.value(store.find(name)));
  };
  for (int tensor_rank = 0; tensor_rank < 2; ++tensor_rank) {
    ParameterStore shard(tensor_rank, 2);
    add_split_parameters(shard);
    shard.allocate(queue, DType::float64);
    initialise(queue, shard, InitMode::dense, 7);
    auto const wi_1 = value(whole, "wi_1"), wi_1_shard = value(shard, "wi_1");
    for (std::size_t i = 0; i < 24; ++i)
      EXPECT_EQ(wi_1_shard[i], wi_1[static_cast<std::size_t>(tensor_rank) * 24 + i]);
    auto const wo = value(whole, "wo"), wo_shard = value(shard, "wo");
    for (std::size_t row = 0; row < 6; ++row)
      for (std::size_t column = 0; column < 4; ++column)
        EXPECT_EQ(wo_shard[row * 4 + column],
                  wo[row * 8 + static_cast<std::size_t>(tensor_rank) * 4 + column]);
    EXPECT_EQ(value(shard, "table"), value(whole, "table"));
  }
  EXPECT_NE(value(whole, "wi_0"), value(whole, "wi_1"));
}

struct Moments {
  double mean = 0, deviation = 0, low = 0, high = 0;
};

Moments moments_of(InitMode mode, ParameterSpec const& spec, Index count) {
  Moments result;
  double sum = 0, squares = 0;
  for (Index i = 0; i < count; ++i) {
    double const x = initial_value(mode, spec, 3407, i);
    sum += x;
    squares += x * x;
    result.low = std::min(result.low, x);
    result.high = std::max(result.high, x);
  }
  result.mean = sum / static_cast<double>(count);
  result.deviation = std::sqrt(squares / static_cast<double>(count) - result.mean * result.mean);
  return result;
}

TEST(InitialValue, OfALinearWeightIsANormalCutAtOneSigma) {  // docs/model.md 1.10
  ParameterSpec const spec{
      .name = "w", .shape = {400, 1000}, .init = {.fan_in = 1000, .linear = true}};
  Moments const m = moments_of(InitMode::official, spec, 400000);
  // 0.02 sqrt(1 - 2 phi(1) / (2 Phi(1) - 1)) = 0.01079; four standard errors of 400 000 draws.
  EXPECT_NEAR(m.deviation, 0.010791, 3e-5);
  EXPECT_NEAR(m.mean, 0, 7e-5);
  EXPECT_GE(m.low, -0.02);
  EXPECT_LE(m.high, 0.02);
  EXPECT_LT(m.low, -0.0199);
  EXPECT_GT(m.high, 0.0199);
}

TEST(InitialValue, ScalesWithTheFanInWhereAsked) {
  ParameterSpec spec{.name = "w", .shape = {100, 400}, .init = {.fan_in = 400, .linear = true}};
  EXPECT_NEAR(moments_of(InitMode::fan_in, spec, 40000).deviation, 0.05, 7e-4);
  spec.init = {.kind = Init::Kind::uniform_fan_in, .fan_in = 400};
  Moments const uniform = moments_of(InitMode::official, spec, 40000);
  EXPECT_NEAR(uniform.deviation, 0.05 / std::sqrt(3), 3e-4);
  EXPECT_LE(uniform.high, 0.05);
  spec.init = {.kind = Init::Kind::kaiming_normal, .fan_in = 400};
  EXPECT_NEAR(moments_of(InitMode::official, spec, 40000).deviation, std::sqrt(2. / 400), 1e-3);
}

TEST(InitialValue, DependsOnSeedNameAndElement) {
  ParameterSpec const a{.name = "a", .shape = {8}}, b{.name = "b", .shape = {8}};
  double const base = initial_value(InitMode::official, a, 1, 0);
  EXPECT_EQ(initial_value(InitMode::official, a, 1, 0), base);
  EXPECT_NE(initial_value(InitMode::official, a, 2, 0), base);
  EXPECT_NE(initial_value(InitMode::official, b, 1, 0), base);
  EXPECT_NE(initial_value(InitMode::official, a, 1, 1), base);
}

TEST(InitialValue, OfTheDenseModeMovesEveryParameter) {
  ParameterSpec const gamma{.name = "gamma_1", .shape = {64}, .init = {Init::Kind::constant, 1e-6}};
  ParameterSpec const norm{.name = "norm.weight", .shape = {64}, .init = {Init::Kind::constant, 1}};
  ParameterSpec const table{.name = "table", .shape = {64}, .init = {Init::Kind::constant, 0}};
  Moments const g = moments_of(InitMode::dense, gamma, 4096),
                n = moments_of(InitMode::dense, norm, 4096),
                t = moments_of(InitMode::dense, table, 4096);
  EXPECT_NEAR(g.mean, 0.3, 0.01);
  EXPECT_NEAR(n.mean, 1, 0.01);
  EXPECT_NEAR(t.mean, 0, 0.01);
  for (Moments const& m : {g, n, t}) EXPECT_GT(m.deviation, 0.05);
}

}  // namespace
}  // namespace accord
