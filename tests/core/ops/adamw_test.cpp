#include "core/ops/adamw.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/op_testing.hpp"

namespace accord {
namespace {

AdamwStep usual_step(double learning_rate) {
  return {.learning_rate = learning_rate, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8};
}

struct State {
  std::vector<double> w, m, v;
};

// `steps` updates of `start` with gradients that change from step to step.
State run(Backend backend, DType dtype, AdamwStep step, std::vector<double> const& start, int steps,
          double gradient_size = 1) {
  Queue queue(backend);
  Index const n = static_cast<Index>(start.size());
  Tensor w = testing::tensor_of(queue, dtype, start, Shape{n});
  Tensor m = Tensor::zeros(queue, dtype, Shape{n}), v = Tensor::zeros(queue, dtype, Shape{n});
  for (int t = 1; t <= steps; ++t) {
    std::vector<double> g = testing::random_values(n, static_cast<std::uint32_t>(t));
    for (double& x : g) x *= gradient_size;
    step.step = t;
    adamw_update(queue, step, w, testing::tensor_of(queue, dtype, g, Shape{n}), m, v);
  }
  return {testing::values_of(queue, w), testing::values_of(queue, m), testing::values_of(queue, v)};
}

TEST(AdamwUpdate, FollowsTheFormulaOfTheSpecification) {
  // One element, two steps, by hand: beta = (0.5, 0.75), lr 0.1, decay 0.2, g = 2 then -1, clip
  // 0.5.
  AdamwStep step{.learning_rate = 0.1,
                 .beta1 = 0.5,
                 .beta2 = 0.75,
                 .epsilon = 0.25,
                 .weight_decay = 0.2,
                 .gradient_scale = 0.5};
  // t = 1: g = 1, m = 0.5, v = 0.25, corrected 1 and 1.
  double const w1 = 3 - 0.1 * 0.2 * 3 - 0.1 * 1 / (1 + 0.25);
  // t = 2: g = -0.5, m = 0, v = 0.25, so only decay moves it.
  double const w2 = w1 - 0.1 * 0.2 * w1;
  for (Backend backend : {Backend::reference, Backend::cpu}) {
    Queue queue(backend);
    Tensor w = Tensor::from_host(queue, std::vector<double>{3});
    Tensor m = Tensor::from_host(queue, std::vector<double>{0}),
           v = Tensor::from_host(queue, std::vector<double>{0});
    adamw_update(queue, step, w, Tensor::from_host(queue, std::vector<double>{2}), m, v);
    EXPECT_NEAR(to_host<double>(queue, w)[0], w1, 1e-15);
    step.step = 2;
    adamw_update(queue, step, w, Tensor::from_host(queue, std::vector<double>{-1}), m, v);
    EXPECT_NEAR(to_host<double>(queue, w)[0], w2, 1e-15);
    EXPECT_EQ(to_host<double>(queue, m)[0], 0);
    EXPECT_EQ(to_host<double>(queue, v)[0], 0.25);
    step.step = 1;
  }
}

TEST(AdamwUpdate, OfTheCpuAgreesWithTheReference) {
  for (EpsilonForm form : {EpsilonForm::corrected, EpsilonForm::uncorrected})
    for (Index n : {1, 7, 64, 20011}) {
      AdamwStep step = usual_step(1e-2);
      step.weight_decay = 0.05;
      step.gradient_scale = 0.7;
      step.epsilon_form = form;
      std::vector<double> const start = testing::random_values(n, 100);
      State const want = run(Backend::reference, DType::float64, step, start, 5);
      for (DType dtype : {DType::float64, DType::float32}) {
        State const got = run(Backend::cpu, dtype, step, start, 5);
        double const tolerance = dtype == DType::float64 ? 1e-14 : 2e-6;
        testing::expect_near(got.w, want.w, tolerance, "w");
        testing::expect_near(got.m, want.m, tolerance, "m");
        testing::expect_near(got.v, want.v, tolerance, "v");
      }
    }
}

TEST(AdamwUpdate, OfCudaAgreesWithTheReference) {
  ACCORD_NEEDS_DEVICE();
  for (EpsilonForm form : {EpsilonForm::corrected, EpsilonForm::uncorrected})
    for (Index n : {1, 7, 5003}) {
      AdamwStep step = usual_step(1e-2);
      step.weight_decay = 0.05;
      step.gradient_scale = 0.7;
      step.epsilon_form = form;
      std::vector<double> const start = testing::random_values(n, 100);
      State const want = run(Backend::reference, DType::float64, step, start, 3);
      State const got = run(Backend::cuda, DType::float32, step, start, 3);
      testing::expect_near(got.w, want.w, 2e-6, "w");
      testing::expect_near(got.m, want.m, 2e-6, "m");
      testing::expect_near(got.v, want.v, 2e-6, "v");
    }
}

void expect_rounded_master(Backend backend) {
  Queue queue(backend);
  Index const n = 301;
  Tensor w = testing::random_tensor(queue, DType::float32, {n}, 1);
  Tensor const g = testing::random_tensor(queue, DType::float32, {n}, 2);
  Tensor m = Tensor::zeros(queue, DType::float32, {n}),
         v = Tensor::zeros(queue, DType::float32, {n});
  Tensor rounded = Tensor::zeros(queue, DType::bfloat16, {n});
  adamw_update(queue, usual_step(1e-2), w, g, m, v, rounded);
  std::vector<double> const master = testing::values_of(queue, w);
  std::vector<double> const working = testing::values_of(queue, rounded);
  for (std::size_t i = 0; i < master.size(); ++i)
    EXPECT_EQ(working[i], to_float32(to_bfloat16(static_cast<float>(master[i]))));
}

TEST(AdamwUpdate, GivesTheMasterRoundedToBFloat16) {
  for (Backend backend : {Backend::reference, Backend::cpu}) expect_rounded_master(backend);
}

TEST(AdamwUpdate, OfCudaGivesTheMasterRoundedToBFloat16) {
  ACCORD_NEEDS_DEVICE();
  expect_rounded_master(Backend::cuda);
}

TEST(AdamwUpdate, PutsEpsilonWhereTheFormSays) {
  // |g| = 1e-9 at t = 1 with beta2 = 0.98: the official CPU form's step is 6.5 times smaller
  // (docs/model.md 4.1).
  AdamwStep step = usual_step(1);
  auto const first_step = [&](EpsilonForm form) {
    step.epsilon_form = form;
    Queue queue(Backend::cpu);
    Tensor w = Tensor::from_host(queue, std::vector<double>{0});
    Tensor m = Tensor::from_host(queue, std::vector<double>{0}),
           v = Tensor::from_host(queue, std::vector<double>{0});
    adamw_update(queue, step, w, Tensor::from_host(queue, std::vector<double>{1e-9}), m, v);
    return to_host<double>(queue, w)[0];
  };
  double const corrected = first_step(EpsilonForm::corrected);
  EXPECT_NEAR(corrected, -1e-9 / (1e-9 + 1e-8), 1e-15);
  EXPECT_NEAR(corrected / first_step(EpsilonForm::uncorrected), 6.5, 0.05);
}

TEST(AdamwUpdate, GivesTheSameBitsWhereverARangeIsCut) {
  for (DType dtype : {DType::float64, DType::float32}) {
    Queue queue(Backend::cpu);
    constexpr Index n = 103;
    Tensor g = testing::random_tensor(queue, dtype, {n}, 1);
    auto const update = [&](std::vector<Index> const& cuts) {
      Tensor w = testing::random_tensor(queue, dtype, {n}, 2);
      Tensor m = testing::random_tensor(queue, dtype, {n}, 3);
      Tensor v = Tensor::zeros(queue, dtype, {n});
      AdamwStep step = usual_step(0.01);
      step.weight_decay = 0.05;
      step.step = 3;
      step.gradient_scale = 0.3;
      for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
        auto const part = [&](Tensor& x) { return x.view().rows(cuts[i], cuts[i + 1] - cuts[i]); };
        adamw_update(queue, step, part(w), part(g), part(m), part(v));
      }
      return testing::values_of(queue, w);
    };
    EXPECT_EQ(update({0, n}), update({0, 1, 18, 19, 37, 64, 101, n})) << name_of(dtype);
  }
}

TEST(AdamwUpdate, HoldsTheValueWithinItsBounds) {
  for (Backend backend : {Backend::reference, Backend::cpu}) {
    Queue queue(backend);
    AdamwStep step = usual_step(1);
    step.lower = 0;
    step.upper = std::log(100.0);
    Tensor w = Tensor::from_host(queue, std::vector<double>{0.5, 4.5, 2});
    Tensor g = Tensor::from_host(queue, std::vector<double>{1, -1, 1});
    Tensor m = Tensor::zeros(queue, DType::float64, {3}),
           v = Tensor::zeros(queue, DType::float64, {3});
    adamw_update(queue, step, w, g, m, v);
    std::vector<double> const got = to_host<double>(queue, w);
    EXPECT_EQ(got[0], 0);
    EXPECT_EQ(got[1], std::log(100.0));
    EXPECT_NEAR(got[2], 1, 1e-7);
  }
}

TEST(AdamwUpdate, RefusesViewsThatDoNotMatch) {
  Queue queue(Backend::cpu);
  Tensor a(queue, DType::float32, {3}), b(queue, DType::float32, {4}),
      c(queue, DType::float64, {3});
  AdamwStep const step{};
  EXPECT_THROW(adamw_update(queue, step, a, b, a, a), Error);
  EXPECT_THROW(adamw_update(queue, step, a, c, a, a), Error);
}

}  // namespace
}  // namespace accord
