#include "core/ops/contrast.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include "tests/support/op_testing.hpp"

using namespace accord;
using accord::testing::expect_gradient;
using accord::testing::expect_near;
using accord::testing::random_values;
using accord::testing::tensor_of;
using accord::testing::values_of;

namespace {

struct ContrastInputs {
  Index queries = 5, keys = 11, width = 3;
  std::vector<double> q, k;
  double scale = 4;
  std::vector<std::int64_t> targets;
  double smoothing = 0;

  static ContrastInputs random(Index queries, Index keys, Index width, double smoothing) {
    ContrastInputs in{
        queries, keys, width,    random_values(queries * width, 1), random_values(keys * width, 2),
        4,       {},   smoothing};
    for (Index i = 0; i < queries; ++i) in.targets.push_back((7 * i + 3) % keys);
    return in;
  }
};

struct ContrastResults {
  std::vector<double> lse, dq, dk;
  double loss, correct, dscale;
};

constexpr double weight = 0.3;

/// The keys arrive as `parts` calls, in the given order of parts, in tiles of 4.
ContrastResults run_contrast(Backend backend, DType dtype, ContrastInputs const& in,
                             std::vector<Index> const& borders, std::vector<Index> const& order) {
  Queue queue(backend);
  Tensor const q = tensor_of(queue, dtype, in.q, {in.queries, in.width});
  Tensor const k = tensor_of(queue, dtype, in.k, {in.keys, in.width});
  DType const sums = accumulator_of(dtype);
  Tensor const scale = tensor_of(queue, sums, {in.scale}, {1});
  Tensor const targets = Tensor::from_host(queue, in.targets);
  Tensor lse = Tensor::zeros(queue, sums, {in.queries}), loss = Tensor::zeros(queue, sums, {1});
  Tensor correct = Tensor::zeros(queue, sums, {1}), dscale = Tensor::zeros(queue, sums, {1});
  Tensor dq = Tensor::zeros(queue, sums, {in.queries, in.width});
  Tensor dk = Tensor::zeros(queue, sums, {in.keys, in.width});
  ContrastState state(queue, dtype, in.queries);
  ContrastShape shape{0, in.keys, in.smoothing, 4};
  for (Index const part : order) {
    shape.key_begin = borders[part];
    contrast_forward(queue, q, k.view().rows(borders[part], borders[part + 1] - borders[part]),
                     scale, targets, shape, state);
  }
  contrast_finish(queue, state, targets, shape, weight, lse, loss, correct);
  for (Index const part : order) {
    Index const count = borders[part + 1] - borders[part];
    shape.key_begin = borders[part];
    contrast_backward(queue, q, k.view().rows(borders[part], count), scale, targets, shape, lse,
                      weight, dq, dk.view().rows(borders[part], count), dscale);
  }
  return {values_of(queue, lse),     values_of(queue, dq),         values_of(queue, dk),
          values_of(queue, loss)[0], values_of(queue, correct)[0], values_of(queue, dscale)[0]};
}

ContrastResults run_contrast(Backend backend, DType dtype, ContrastInputs const& in) {
  return run_contrast(backend, dtype, in, {0, in.keys}, {0});
}

void expect_equal_results(ContrastResults const& got, ContrastResults const& want,
                          double tolerance) {
  expect_near(got.lse, want.lse, tolerance, "lse");
  expect_near(got.dq, want.dq, tolerance, "dq");
  expect_near(got.dk, want.dk, tolerance, "dk");
  expect_near({got.loss, got.dscale}, {want.loss, want.dscale}, tolerance, "loss, dscale");
  EXPECT_EQ(got.correct, want.correct);
}

/// Cross entropy against the soft target 1 - e for the positive, e / (V - 1) for every other key.
double soft_cross_entropy(ContrastInputs const& in) {
  double loss = 0;
  for (Index i = 0; i < in.queries; ++i) {
    std::vector<double> logits;
    double sum = 0;
    for (Index j = 0; j < in.keys; ++j) {
      double product = 0;
      for (Index c = 0; c < in.width; ++c)
        product += in.q[i * in.width + c] * in.k[j * in.width + c];
      logits.push_back(in.scale * product);
      sum += std::exp(logits.back());
    }
    for (Index j = 0; j < in.keys; ++j) {
      double const target = j == in.targets[i] ? 1 - in.smoothing
                            : in.smoothing > 0 ? in.smoothing / static_cast<double>(in.keys - 1)
                                               : 0;
      loss -= target * (logits[j] - std::log(sum));
    }
  }
  return weight * loss;
}

}  // namespace

TEST(Contrast, LossEqualsSoftTargetCrossEntropy) {
  for (Backend const backend : {Backend::reference, Backend::cpu})
    for (double const smoothing : {0.0, 0.1}) {
      ContrastInputs const in = ContrastInputs::random(5, 11, 3, smoothing);
      EXPECT_NEAR(run_contrast(backend, DType::float64, in).loss, soft_cross_entropy(in), 1e-14);
    }
}

TEST(Contrast, BackwardMatchesFiniteDifferences) {
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    ContrastInputs const in = ContrastInputs::random(5, 11, 3, 0.1);
    ContrastResults const result = run_contrast(backend, DType::float64, in);
    expect_gradient(
        in.q, result.dq,
        [&](std::vector<double> const& x) {
          ContrastInputs moved = in;
          moved.q = x;
          return soft_cross_entropy(moved);
        },
        1e-9, "dq");
    expect_gradient(
        in.k, result.dk,
        [&](std::vector<double> const& x) {
          ContrastInputs moved = in;
          moved.k = x;
          return soft_cross_entropy(moved);
        },
        1e-9, "dk");
    expect_gradient(
        {in.scale}, {result.dscale},
        [&](std::vector<double> const& x) {
          ContrastInputs moved = in;
          moved.scale = x[0];
          return soft_cross_entropy(moved);
        },
        1e-9, "dscale");
  }
}

TEST(Contrast, OfTheCpuMatchesTheReference) {
  for (auto const& [queries, keys] : {std::pair<Index, Index>{1, 2}, {7, 9}, {600, 130}})
    for (double const smoothing : {0.0, 0.1}) {
      ContrastInputs const in = ContrastInputs::random(queries, keys, 5, smoothing);
      ContrastResults const want = run_contrast(Backend::reference, DType::float64, in);
      expect_equal_results(run_contrast(Backend::cpu, DType::float64, in), want, 1e-11);
      ContrastResults const single = run_contrast(Backend::cpu, DType::float32, in);
      expect_near(single.lse, want.lse, 5e-6, "lse");
      expect_near(single.dq, want.dq, 5e-6, "dq");
      expect_near(single.dk, want.dk, 5e-5, "dk");
      EXPECT_NEAR(single.loss / want.loss, 1, 1e-6);
      EXPECT_EQ(single.correct, want.correct);
    }
}

TEST(Contrast, OfCudaMatchesTheReference) {
  ACCORD_NEEDS_DEVICE();
  for (auto const& [queries, keys] : {std::pair<Index, Index>{1, 2}, {7, 9}, {60, 330}})
    for (double const smoothing : {0.0, 0.1}) {
      ContrastInputs in = ContrastInputs::random(queries, keys, 5, smoothing);
      for (auto* values : {&in.q, &in.k})
        for (double& x : *values) x = to_float32(to_bfloat16(static_cast<float>(x)));
      ContrastResults const want = run_contrast(Backend::reference, DType::float64, in);
      for (DType const dtype : {DType::float32, DType::bfloat16}) {
        // In bfloat16 the gradient of a logit is rounded before the product with keys and queries.
        double const tolerance = dtype == DType::float32 ? 5e-5 : 0.02;
        ContrastResults const got = run_contrast(Backend::cuda, dtype, in);
        expect_near(got.lse, want.lse, 5e-6, "lse");
        expect_near(got.dq, want.dq, tolerance, "dq");
        expect_near(got.dk, want.dk, tolerance, "dk");
        EXPECT_NEAR(got.dscale, want.dscale, 5e-5);
        EXPECT_NEAR(got.loss / want.loss, 1, 1e-6);
        EXPECT_EQ(got.correct, want.correct);
      }
    }
}

TEST(Contrast, OfCudaDoesNotDependOnHowTheKeysArrive) {
  ACCORD_NEEDS_DEVICE();
  ContrastInputs const in = ContrastInputs::random(6, 11, 4, 0.1);
  ContrastResults const whole = run_contrast(Backend::cuda, DType::float32, in);
  expect_equal_results(run_contrast(Backend::cuda, DType::float32, in, {0, 1, 6, 11}, {0, 1, 2}),
                       whole, 2e-6);
  expect_equal_results(run_contrast(Backend::cuda, DType::float32, in, {0, 1, 6, 11}, {2, 0, 1}),
                       whole, 2e-6);
}

TEST(Contrast, OfCudaCallsTheSmallestOfEqualKeysTheBest) {
  ACCORD_NEEDS_DEVICE();
  for (std::vector<Index> const& order : {std::vector<Index>{0, 1}, std::vector<Index>{1, 0}}) {
    ContrastInputs in{2, 9, 2, {1, 2, 1, 2}, std::vector<double>(18, 0.5), 3, {2, 7}};
    in.k[2 * 0] = in.k[2 * 1] = 0.25;
    EXPECT_EQ(run_contrast(Backend::cuda, DType::float32, in, {0, 6, 9}, order).correct, 1);
  }
}

TEST(Contrast, DoesNotDependOnHowTheKeysArrive) {
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    ContrastInputs const in = ContrastInputs::random(6, 11, 4, 0.1);
    ContrastResults const whole = run_contrast(backend, DType::float64, in);
    expect_equal_results(run_contrast(backend, DType::float64, in, {0, 1, 6, 11}, {0, 1, 2}), whole,
                         1e-14);
    expect_equal_results(run_contrast(backend, DType::float64, in, {0, 1, 6, 11}, {2, 0, 1}), whole,
                         1e-14);
  }
}

TEST(Contrast, DoesNotDependOnTheNumberOfThreads) {
  ContrastInputs const in = ContrastInputs::random(200, 77, 8, 0.1);
  int const before = omp_get_max_threads();
  omp_set_num_threads(1);
  ContrastResults const one = run_contrast(Backend::cpu, DType::float32, in);
  for (int const threads : {2, 3}) {
    omp_set_num_threads(threads);
    expect_equal_results(run_contrast(Backend::cpu, DType::float32, in), one, 0);
  }
  omp_set_num_threads(before);
}

TEST(Contrast, CallsTheSmallestOfEqualKeysTheBest) {
  for (Backend const backend : {Backend::reference, Backend::cpu})
    for (std::vector<Index> const& order : {std::vector<Index>{0, 1}, std::vector<Index>{1, 0}}) {
      ContrastInputs in{2, 9, 2, {1, 2, 1, 2}, std::vector<double>(18, 0.5), 3, {2, 7}};
      in.k[2 * 0] = in.k[2 * 1] = 0.25;  // keys 2 to 8 are equal, 0 and 1 lower
      EXPECT_EQ(run_contrast(backend, DType::float64, in, {0, 6, 9}, order).correct, 1);
    }
}

TEST(Contrast, StaysFiniteForLargeLogits) {
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    ContrastInputs in{1, 3, 1, {1}, {-1, 1, 0.5}, 1000, {1}};
    ContrastResults const result =
        run_contrast(backend, DType::float32, in, {0, 1, 2, 3}, {0, 1, 2});
    EXPECT_EQ(result.lse[0], 1000);
    EXPECT_EQ(result.loss, 0);
    EXPECT_EQ(result.dq[0], 0);
  }
}

TEST(Contrast, RefusesSmoothingOverASingleKey) {
  ContrastInputs const in = ContrastInputs::random(2, 1, 3, 0.1);
  EXPECT_THROW(run_contrast(Backend::reference, DType::float64, in), Error);
  EXPECT_EQ(
      run_contrast(Backend::reference, DType::float64, ContrastInputs::random(2, 1, 3, 0)).loss, 0);
}
