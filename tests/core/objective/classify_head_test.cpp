#include "core/objective/classify_head.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "tests/support/module_gradcheck.hpp"

using namespace accord;

namespace {

constexpr Index head_width = 6, head_pooling_heads = 2, class_count = 5;

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

accord::testing::MakeModule head(Pooling pooling) {
  return [=](Queue& queue, ParameterScope const& scope, TensorParallelRegion const&) {
    auto const module =
        std::make_shared<ClassifyHead>(scope, head_width, head_pooling_heads, pooling, class_count);
    auto const saved =
        std::make_shared<ClassifyHead::Saved>(module->plan(queue, three_samples(), 0, 0, 3));
    // y: logits beside the features, which others read too: 9 rows of both.
    return accord::testing::TestedModule{
        [=](Queue& q, ConstView x) {
          Tensor y = Tensor::zeros(q, x.dtype(), Shape{9, head_width + class_count});
          copy(q, x, y.view().columns(0, head_width));
          copy(q, module->forward(q, x, *saved),
               y.view().columns(head_width, class_count).rows(0, 3));
          return y;
        },
        [=](Queue& q, ConstView x, ConstView dy) {
          Tensor dx(q, x.dtype(), x.shape());
          copy(q, dy.columns(0, head_width), dx);
          Tensor dlogits(q, x.dtype(), Shape{3, class_count});
          copy(q, dy.columns(head_width, class_count).rows(0, 3), dlogits);
          module->backward(q, dlogits, *saved, dx);
          return dx;
        }};
  };
}

}  // namespace

TEST(ClassifyHead, BackwardMatchesFiniteDifferences) {
  for (Pooling const pooling : {Pooling::attention, Pooling::class_token}) {
    accord::testing::expect_module_gradients_match_finite_differences(head(pooling),
                                                                      {9, head_width});
    accord::testing::expect_module_gradients_match_finite_differences(
        head(pooling), {9, head_width}, {"attn_pooling_func.", "norm.weight", "classifier.1.bias"});
  }
}

TEST(ClassifyHead, ReadsTheClassTokenOrAllOthers) {
  Pack const pack = three_samples();
  auto const rows_of = [&](Pooling pooling) {
    Queue queue(Backend::reference);
    ParameterStore store;
    ParameterScope::Rules const rules;
    ClassifyHead const module(ParameterScope(store, rules), head_width, head_pooling_heads, pooling,
                              class_count);
    ClassifyHead::Saved const saved = module.plan(queue, pack, 0, 0, 3);
    return std::pair{to_host<std::int32_t>(queue, saved.rows), saved.lengths};
  };
  auto const [tokens, lengths] = rows_of(Pooling::attention);
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{1, 2, 3, 5, 7, 8}));
  EXPECT_EQ(lengths, (std::vector<Index>{3, 1, 2}));
  EXPECT_EQ(rows_of(Pooling::class_token).first, (std::vector<std::int32_t>{0, 4, 6}));
}

TEST(ClassifyHead, HasTheOfficialNames) {
  ParameterStore store;
  ParameterScope::Rules const rules;
  ClassifyHead const module(ParameterScope(store, rules) / "classify_head", head_width,
                            head_pooling_heads, Pooling::attention, class_count);
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
    int const id = store.find("classify_head." + name);
    ASSERT_GE(id, 0) << name;
    EXPECT_EQ(store.spec(id).shape, shape) << name;
  }
  EXPECT_EQ(store.count(), 14);
}
