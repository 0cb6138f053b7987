#include "core/model/classify_head.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/op_testing.hpp"

using namespace accord;
using accord::testing::dot;
using accord::testing::expect_gradient;
using accord::testing::expect_near;
using accord::testing::random_values;
using accord::testing::values_of;

namespace {

constexpr Index width = 6, heads = 2, classes = 5;

/// Three samples of one modality in one pass, 4, 2 and 3 tokens with the class token.
Pack three_samples() {
  Pack pack;
  Index row = 0;
  for (Index s = 0; s < 3; ++s) {
    Index const length = std::array<Index, 3>{4, 2, 3}[static_cast<std::size_t>(s)];
    pack.sequences.push_back({0, s, {{row, length, 0}}});
    row += length;
  }
  pack.rows = row;
  pack.groups = {{0, 0, row}};
  pack.real.assign(static_cast<std::size_t>(row), 1);
  return pack;
}

template <class Module>
struct Built {
  template <class Make>
  explicit Built(Make const& make) : module(make(ParameterScope(store, rules) / "classify_head")) {
    store.allocate(queue, DType::float64);
    for (int id = 0; id < store.count(); ++id) {
      std::vector<double> const values =
          random_values(store.value(id).size(), static_cast<std::uint32_t>(50 + id));
      copy(queue, Tensor::from_host(queue, std::span<double const>(values), store.local_shape(id)),
           store.value(id));
    }
  }
  Tensor tensor(std::vector<double> const& values, Shape shape) {
    return Tensor::from_host(queue, std::span<double const>(values), shape);
  }
  /// Checks the gradients of x and of every parameter of sum(y * upstream).
  void check(std::vector<double> const& x, std::vector<double> const& dx,
             std::vector<double> const& upstream,
             std::function<std::vector<double>(std::vector<double> const&)> const& forward) {
    expect_gradient(
        x, dx, [&](std::vector<double> const& moved) { return dot(forward(moved), upstream); },
        1e-8, "input");
    for (int id = 0; id < store.count(); ++id) {
      View const value = store.value(id);
      std::vector<double> const at = values_of(queue, value);
      auto const set = [&](std::vector<double> const& values) {
        copy(queue, tensor(values, value.shape()), value);
      };
      expect_gradient(
          at, values_of(queue, store.gradient(id)),
          [&](std::vector<double> const& moved) {
            set(moved);
            double const loss = dot(forward(x), upstream);
            set(at);
            return loss;
          },
          1e-8, store.spec(id).name.c_str());
    }
  }

  Queue queue{Backend::reference};
  ParameterStore store;
  ParameterScope::Rules rules;
  Module module;
};

}  // namespace

TEST(AttentionPooling, BackwardMatchesFiniteDifferences) {
  Built<AttentionPooling> built(
      [](ParameterScope const& scope) { return AttentionPooling(scope, width, heads); });
  std::vector<Index> const lengths{3, 1, 2};
  std::vector<double> const x = random_values(6 * width, 1), upstream = random_values(3 * width, 2);
  auto const forward = [&](std::vector<double> const& values) {
    AttentionPooling::Saved saved;
    return values_of(
        built.queue,
        built.module.forward(built.queue, built.tensor(values, {6, width}), lengths, saved));
  };
  AttentionPooling::Saved saved;
  Tensor const tokens = built.tensor(x, {6, width});
  built.module.forward(built.queue, tokens, lengths, saved);
  Tensor const dx =
      built.module.backward(built.queue, built.tensor(upstream, {3, width}), tokens, saved);
  built.check(x, values_of(built.queue, dx), upstream, forward);
}

// The definition, written with loops.
TEST(AttentionPooling, IsASoftmaxOfLearnedQueriesWithoutTheRootOfTheHeadWidth) {
  Built<AttentionPooling> built(
      [](ParameterScope const& scope) { return AttentionPooling(scope, width, heads); });
  auto const parameter = [&](char const* name) {
    return values_of(built.queue,
                     built.store.value(built.store.find(std::string("classify_head.") + name)));
  };
  std::vector<double> const q = parameter("q"), k = parameter("k_proj.weight"),
                            v = parameter("v_proj.weight"), v_bias = parameter("v_proj.bias"),
                            o = parameter("out_proj.weight"), o_bias = parameter("out_proj.bias");
  std::vector<double> const x = random_values(4 * width, 3);
  auto const product = [&](std::vector<double> const& weight, std::size_t row,
                           double const* input) {
    double sum = 0;
    for (std::size_t j = 0; j < width; ++j) sum += weight[row * width + j] * input[j];
    return sum;
  };
  std::vector<double> mixed(width, 0.0), want;
  for (std::size_t h = 0; h < heads; ++h) {
    std::vector<double> weights;
    double sum = 0;
    for (std::size_t t = 0; t < 4; ++t) {
      double logit = 0;
      for (std::size_t c = 3 * h; c < 3 * h + 3; ++c) logit += q[c] * product(k, c, &x[t * width]);
      weights.push_back(std::exp(logit));
      sum += weights.back();
    }
    for (std::size_t t = 0; t < 4; ++t)
      for (std::size_t c = 3 * h; c < 3 * h + 3; ++c)
        mixed[c] += weights[t] / sum * (product(v, c, &x[t * width]) + v_bias[c]);
  }
  for (std::size_t c = 0; c < width; ++c) want.push_back(product(o, c, mixed.data()) + o_bias[c]);
  AttentionPooling::Saved saved;
  Tensor const got = built.module.forward(built.queue, built.tensor(x, {4, width}), {4}, saved);
  expect_near(values_of(built.queue, got), want, 1e-14, "pooled");
}

TEST(ClassifyHead, BackwardMatchesFiniteDifferences) {
  Pack const pack = three_samples();
  for (Pooling const pooling : {Pooling::attention, Pooling::class_token}) {
    Built<ClassifyHead> built([&](ParameterScope const& scope) {
      return ClassifyHead(scope, width, heads, pooling, classes);
    });
    std::vector<double> const x = random_values(9 * width, 1),
                              upstream = random_values(3 * classes, 2);
    auto const forward = [&](std::vector<double> const& values) {
      ClassifyHead::Saved saved = built.module.plan(built.queue, pack, 0, 0, 3);
      return values_of(built.queue,
                       built.module.forward(built.queue, built.tensor(values, {9, width}), saved));
    };
    ClassifyHead::Saved saved = built.module.plan(built.queue, pack, 0, 0, 3);
    built.module.forward(built.queue, built.tensor(x, {9, width}), saved);
    Tensor dx = Tensor::zeros(built.queue, DType::float64, Shape{9, width});
    built.module.backward(built.queue, built.tensor(upstream, {3, classes}), saved, dx);
    built.check(x, values_of(built.queue, dx), upstream, forward);
  }
}

TEST(ClassifyHead, ReadsTheClassTokenOrAllOthers) {
  Pack const pack = three_samples();
  auto const rows_of = [&](Pooling pooling) {
    Built<ClassifyHead> built([&](ParameterScope const& scope) {
      return ClassifyHead(scope, width, heads, pooling, classes);
    });
    ClassifyHead::Saved const saved = built.module.plan(built.queue, pack, 0, 0, 3);
    return std::pair{to_host<std::int32_t>(built.queue, saved.rows), saved.lengths};
  };
  auto const [tokens, lengths] = rows_of(Pooling::attention);
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{1, 2, 3, 5, 7, 8}));
  EXPECT_EQ(lengths, (std::vector<Index>{3, 1, 2}));
  EXPECT_EQ(rows_of(Pooling::class_token).first, (std::vector<std::int32_t>{0, 4, 6}));
}

TEST(ClassifyHead, HasTheOfficialNames) {
  Built<ClassifyHead> built([&](ParameterScope const& scope) {
    return ClassifyHead(scope, width, heads, Pooling::attention, classes);
  });
  for (auto const& [name, shape] :
       {std::pair<std::string, Shape>{"attn_pooling_func.q", {1, 1, 2, 3}},
        {"attn_pooling_func.k_proj.weight", {6, 6}},
        {"attn_pooling_func.v_proj.weight", {6, 6}},
        {"attn_pooling_func.v_proj.bias", {6}},
        {"attn_pooling_func.out_proj.weight", {6, 6}},
        {"attn_pooling_func.out_proj.bias", {6}},
        {"norm.weight", {6}},
        {"norm.bias", {6}},
        {"classifier.0.weight", {12, 6}},
        {"classifier.0.bias", {12}},
        {"classifier.1.weight", {12}},
        {"classifier.1.bias", {12}},
        {"classifier.3.weight", {5, 12}},
        {"classifier.3.bias", {5}}}) {
    int const id = built.store.find("classify_head." + name);
    ASSERT_GE(id, 0) << name;
    EXPECT_EQ(built.store.spec(id).shape, shape) << name;
  }
  EXPECT_EQ(built.store.count(), 14);
}
