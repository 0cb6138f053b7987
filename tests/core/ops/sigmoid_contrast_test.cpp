#include "core/ops/sigmoid_contrast.hpp"

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

struct SigmoidInputs {
  Index queries = 5, keys = 11, width = 3;
  std::vector<double> q, k;
  double scale = 4, bias = -1.5;
  std::vector<std::int64_t> targets;

  static SigmoidInputs random(Index queries, Index keys, Index width) {
    SigmoidInputs in{
        queries, keys, width, random_values(queries * width, 1), random_values(keys * width, 2),
        4,       -1.5, {}};
    for (Index i = 0; i < queries; ++i) in.targets.push_back((7 * i + 3) % keys);
    return in;
  }
};

struct SigmoidResults {
  std::vector<double> dq;
  double loss, correct, dscale, dbias;
};

constexpr double loss_share = 0.3, gradient_weight = 0.2;

/// The keys arrive as `parts` calls, in the given order of parts, in tiles of 4.
SigmoidResults run_sigmoid(Backend backend, DType dtype, SigmoidInputs const& in,
                           std::vector<Index> const& borders, std::vector<Index> const& order) {
  Queue queue(backend);
  Tensor const q = tensor_of(queue, dtype, in.q, {in.queries, in.width});
  Tensor const k = tensor_of(queue, dtype, in.k, {in.keys, in.width});
  DType const sums = accumulator_of(dtype);
  Tensor const scale = tensor_of(queue, sums, {in.scale}, {1}),
               bias = tensor_of(queue, sums, {in.bias}, {1});
  Tensor const targets = Tensor::from_host(queue, in.targets);
  Tensor dq = Tensor::zeros(queue, sums, {in.queries, in.width});
  auto const zero = [&] { return Tensor::zeros(queue, sums, {1}); };
  Tensor loss = zero(), correct = zero(), dscale = zero(), dbias = zero();
  SigmoidContrastState state(queue, dtype, in.queries);
  for (Index const part : order)
    sigmoid_contrast(queue, q, k.view().rows(borders[part], borders[part + 1] - borders[part]),
                     scale, bias, targets, borders[part], 4, gradient_weight, state, dq);
  sigmoid_contrast_finish(queue, state, targets, loss_share, gradient_weight, loss, correct, dscale,
                          dbias);
  return {values_of(queue, dq), values_of(queue, loss)[0], values_of(queue, correct)[0],
          values_of(queue, dscale)[0], values_of(queue, dbias)[0]};
}

SigmoidResults run_sigmoid(Backend backend, DType dtype, SigmoidInputs const& in) {
  return run_sigmoid(backend, dtype, in, {0, in.keys}, {0});
}

void expect_equal_sigmoid(SigmoidResults const& got, SigmoidResults const& want, double tolerance) {
  expect_near(got.dq, want.dq, tolerance, "dq");
  expect_near({got.loss, got.dscale, got.dbias}, {want.loss, want.dscale, want.dbias}, tolerance,
              "loss, dscale, dbias");
  EXPECT_EQ(got.correct, want.correct);
}

/// The formula, in double.
double sum_of_losses(SigmoidInputs const& in) {
  double loss = 0;
  for (Index i = 0; i < in.queries; ++i)
    for (Index j = 0; j < in.keys; ++j) {
      double product = 0;
      for (Index c = 0; c < in.width; ++c)
        product += in.q[i * in.width + c] * in.k[j * in.width + c];
      double const logit = in.scale * product + in.bias;
      loss -= std::log(1 / (1 + std::exp(j == in.targets[i] ? -logit : logit)));
    }
  return loss;
}

}  // namespace

TEST(SigmoidContrast, LossEqualsTheFormula) {
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    SigmoidInputs const in = SigmoidInputs::random(5, 11, 3);
    EXPECT_NEAR(run_sigmoid(backend, DType::float64, in).loss, loss_share * sum_of_losses(in),
                1e-13);
  }
}

TEST(SigmoidContrast, GradientsMatchFiniteDifferences) {
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    SigmoidInputs const in = SigmoidInputs::random(5, 11, 3);
    SigmoidResults const result = run_sigmoid(backend, DType::float64, in);
    expect_gradient(
        in.q, result.dq,
        [&](std::vector<double> const& x) {
          SigmoidInputs moved = in;
          moved.q = x;
          return gradient_weight * sum_of_losses(moved);
        },
        1e-9, "dq");
    for (auto const& [member, gradient] :
         {std::pair(&SigmoidInputs::scale, result.dscale), {&SigmoidInputs::bias, result.dbias}})
      expect_gradient(
          {in.*member}, {gradient},
          [&, member = member](std::vector<double> const& x) {
            SigmoidInputs moved = in;
            moved.*member = x[0];
            return gradient_weight * sum_of_losses(moved);
          },
          1e-9, "dscale or dbias");
  }
}

TEST(SigmoidContrast, OfTheCpuMatchesTheReference) {
  for (auto const& [queries, keys] : {std::pair<Index, Index>{1, 2}, {7, 9}, {600, 130}}) {
    SigmoidInputs const in = SigmoidInputs::random(queries, keys, 5);
    SigmoidResults const want = run_sigmoid(Backend::reference, DType::float64, in);
    expect_equal_sigmoid(run_sigmoid(Backend::cpu, DType::float64, in), want,
                         1e-13 * static_cast<double>(queries * keys));
    SigmoidResults const single = run_sigmoid(Backend::cpu, DType::float32, in);
    expect_near(single.dq, want.dq, 2e-5, "dq");
    EXPECT_NEAR(single.loss / want.loss, 1, 1e-6);
    EXPECT_NEAR(single.dscale, want.dscale, 1e-6 * static_cast<double>(queries * keys));
    EXPECT_NEAR(single.dbias, want.dbias, 1e-6 * static_cast<double>(queries * keys));
    EXPECT_EQ(single.correct, want.correct);
  }
}

TEST(SigmoidContrast, OfCudaMatchesTheReference) {
  ACCORD_NEEDS_DEVICE();
  for (auto const& [queries, keys] : {std::pair<Index, Index>{1, 2}, {7, 9}, {60, 330}}) {
    SigmoidInputs in = SigmoidInputs::random(queries, keys, 5);
    for (auto* values : {&in.q, &in.k})
      for (double& x : *values) x = to_float32(to_bfloat16(static_cast<float>(x)));
    SigmoidResults const want = run_sigmoid(Backend::reference, DType::float64, in);
    for (DType const dtype : {DType::float32, DType::bfloat16}) {
      // In bfloat16 the gradient of a logit is rounded before the product with the keys: by 2^-9 of
      // at most gradient_weight x scale each, some up and some down.
      double const tolerance = dtype == DType::float32 ? 5e-5
                                                       : 0x1p-9 * gradient_weight * in.scale * 3 *
                                                             std::sqrt(static_cast<double>(keys));
      SigmoidResults const got = run_sigmoid(Backend::cuda, dtype, in);
      expect_near(got.dq, want.dq, tolerance, "dq");
      EXPECT_NEAR(got.loss / want.loss, 1, 1e-6);
      EXPECT_NEAR(got.dscale, want.dscale, 1e-6 * static_cast<double>(queries * keys));
      EXPECT_NEAR(got.dbias, want.dbias, 1e-6 * static_cast<double>(queries * keys));
      EXPECT_EQ(got.correct, want.correct);
    }
  }
}

void expect_same_however_keys_arrive(Backend backend, DType dtype, double tolerance) {
  SigmoidInputs const in = SigmoidInputs::random(6, 11, 4);
  SigmoidResults const whole = run_sigmoid(backend, dtype, in);
  expect_equal_sigmoid(run_sigmoid(backend, dtype, in, {0, 1, 6, 11}, {0, 1, 2}), whole, tolerance);
  expect_equal_sigmoid(run_sigmoid(backend, dtype, in, {0, 1, 6, 11}, {2, 0, 1}), whole, tolerance);
}

TEST(SigmoidContrast, DoesNotDependOnHowTheKeysArrive) {
  expect_same_however_keys_arrive(Backend::reference, DType::float64, 1e-13);
  expect_same_however_keys_arrive(Backend::cpu, DType::float64, 1e-13);
}

TEST(SigmoidContrast, OfCudaDoesNotDependOnHowTheKeysArrive) {
  ACCORD_NEEDS_DEVICE();
  expect_same_however_keys_arrive(Backend::cuda, DType::float32, 1e-5);
}

TEST(SigmoidContrast, DoesNotDependOnTheNumberOfThreads) {
  SigmoidInputs const in = SigmoidInputs::random(200, 77, 8);
  int const before = omp_get_max_threads();
  omp_set_num_threads(1);
  SigmoidResults const one = run_sigmoid(Backend::cpu, DType::float32, in);
  for (int const threads : {2, 3}) {
    omp_set_num_threads(threads);
    expect_equal_sigmoid(run_sigmoid(Backend::cpu, DType::float32, in), one, 0);
  }
  omp_set_num_threads(before);
}

void expect_smallest_of_equal_keys(Backend backend, DType dtype) {
  for (std::vector<Index> const& order : {std::vector<Index>{0, 1}, std::vector<Index>{1, 0}}) {
    SigmoidInputs in{2, 9, 2, {1, 2, 1, 2}, std::vector<double>(18, 0.5), 3, -1, {2, 7}};
    in.k[2 * 0] = in.k[2 * 1] = 0.25;  // keys 2 to 8 are equal, 0 and 1 lower
    EXPECT_EQ(run_sigmoid(backend, dtype, in, {0, 6, 9}, order).correct, 1);
  }
}

TEST(SigmoidContrast, CallsTheSmallestOfEqualKeysTheBest) {
  expect_smallest_of_equal_keys(Backend::reference, DType::float64);
  expect_smallest_of_equal_keys(Backend::cpu, DType::float64);
}

TEST(SigmoidContrast, OfCudaCallsTheSmallestOfEqualKeysTheBest) {
  ACCORD_NEEDS_DEVICE();
  expect_smallest_of_equal_keys(Backend::cuda, DType::float32);
}

TEST(SigmoidContrast, StaysFiniteForLargeLogitsAndKeepsSmallLosses) {
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    // Against its target 1000, against another -1000; both cost nothing.
    SigmoidInputs const sure{1, 2, 1, {1}, {-1, 1}, 1000, 0, {1}};
    EXPECT_EQ(run_sigmoid(backend, DType::float32, sure).loss, 0);
    EXPECT_EQ(run_sigmoid(backend, DType::float32, sure).dq[0], 0);
    SigmoidInputs const wrong{1, 2, 1, {1}, {-1, 1}, 1000, 0, {0}};
    EXPECT_NEAR(run_sigmoid(backend, DType::float32, wrong).loss, loss_share * 2000, 1e-3);
    EXPECT_NEAR(run_sigmoid(backend, DType::float32, wrong).dq[0], gradient_weight * 2000, 1e-3);
    SigmoidInputs const nearly{1, 2, 1, {1}, {-1, 1}, 20, 0, {1}};
    EXPECT_NEAR(
        run_sigmoid(backend, DType::float32, nearly).loss / (loss_share * 2 * std::exp(-20)), 1,
        1e-6);
    EXPECT_NEAR(run_sigmoid(backend, DType::float32, nearly).dq[0] /
                    (-gradient_weight * 20 * 2 * std::exp(-20)),
                1, 1e-6);
  }
}

TEST(SigmoidContrast, RefusesKeysOfAnotherWidth) {
  Queue queue(Backend::reference);
  auto const zeros = [&](Shape shape) { return Tensor::zeros(queue, DType::float64, shape); };
  SigmoidContrastState state(queue, DType::float64, 2);
  Tensor const targets = Tensor::from_host(queue, std::vector<std::int64_t>{0, 1});
  EXPECT_THROW(sigmoid_contrast(queue, zeros({2, 3}), zeros({2, 4}), zeros({1}), zeros({1}),
                                targets, 0, 4, 1, state, {}),
               Error);
}
