#include "core/loss/denoising.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/op_testing.hpp"

using namespace accord;
using accord::testing::expect_gradient;
using accord::testing::expect_near;
using accord::testing::random_values;
using accord::testing::tensor_of;
using accord::testing::values_of;

namespace {

constexpr Index width = 5, students = 6, teachers = 13, global_pools = 7;

/// Three pools here, the middle one without queries; four more elsewhere.
std::vector<DenoisePool> const pools = {{0, 4, 0, 6}, {4, 0, 6, 2}, {4, 2, 8, 5}};
std::vector<std::int64_t> const targets = {0, 2, 3, 5, 4, 1};

struct Result {
  double loss;
  std::vector<double> dstudent;
};

Result run(Backend backend, DType dtype, std::vector<double> const& student,
           std::vector<double> const& teacher, std::vector<DenoisePool> const& some,
           double weight = 1) {
  Queue queue(backend);
  DenoisePlan plan{some, Tensor::from_host(queue, targets), global_pools};
  Tensor const s = tensor_of(queue, dtype, student, {students, width});
  Tensor const t = tensor_of(queue, dtype, teacher, {teachers, width});
  Tensor loss = Tensor::zeros(queue, dtype, {1});
  Tensor dstudent = accord::testing::random_tensor(queue, dtype, {students, width}, 5);
  denoise(queue, s, t, plan, {}, weight, loss, dstudent);
  return {values_of(queue, loss)[0], values_of(queue, dstudent)};
}

std::vector<double> unit_row(std::vector<double> const& x, Index row) {
  std::vector<double> r(x.begin() + row * width, x.begin() + (row + 1) * width);
  double const norm = std::sqrt(accord::testing::dot(r, r));
  for (double& v : r) v /= norm;
  return r;
}

/// Spec 2.2, step by step.
double plain(std::vector<double> const& student, std::vector<double> const& teacher) {
  double const e = 0.1;
  double term = 0;
  for (DenoisePool const& pool : pools) {
    double losses = 0;
    for (Index i = pool.query_begin; i < pool.query_begin + pool.queries; ++i) {
      std::vector<double> logits;
      double sum = 0, all = 0;
      for (Index j = 0; j < pool.keys; ++j) {
        logits.push_back(2.5 * accord::testing::dot(unit_row(student, i),
                                                    unit_row(teacher, pool.key_begin + j)));
        sum += std::exp(logits.back());
      }
      for (double const logit : logits) all += logit - std::log(sum);
      double const e_i = e / static_cast<double>(pool.keys - 1);
      losses -= (1 - e - e_i) * (logits[targets[i]] - std::log(sum)) + e_i * all;
    }
    if (pool.queries > 0) term += losses / static_cast<double>(pool.queries);
  }
  return term / static_cast<double>(global_pools);
}

}  // namespace

TEST(Denoising, LossEqualsTheFormula) {
  auto const student = random_values(students * width, 1),
             teacher = random_values(teachers * width, 2);
  double const want = plain(student, teacher);
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    EXPECT_NEAR(run(backend, DType::float64, student, teacher, pools).loss, want, 1e-14);
    EXPECT_NEAR(run(backend, DType::float32, student, teacher, pools).loss, want, 1e-6);
  }
}

TEST(Denoising, GradientMatchesFiniteDifferences) {
  auto const student = random_values(students * width, 1),
             teacher = random_values(teachers * width, 2);
  for (Backend const backend : {Backend::reference, Backend::cpu})
    expect_gradient(
        student, run(backend, DType::float64, student, teacher, pools).dstudent,
        [&](std::vector<double> const& x) { return plain(x, teacher); }, 1e-9, "dstudent");
}

TEST(Denoising, IsTheSumOverItsPools) {
  auto const student = random_values(students * width, 1),
             teacher = random_values(teachers * width, 2);
  Result const whole = run(Backend::cpu, DType::float64, student, teacher, pools);
  Result const first = run(Backend::cpu, DType::float64, student, teacher, {pools[0], pools[1]});
  Result const last = run(Backend::cpu, DType::float64, student, teacher, {pools[2]});
  EXPECT_NEAR(first.loss + last.loss, whole.loss, 1e-15);
  for (std::size_t i = 0; i < whole.dstudent.size(); ++i)
    EXPECT_EQ(first.dstudent[i] + last.dstudent[i], whole.dstudent[i]);
}

TEST(Denoising, WeightMultipliesTheGradientButNotTheLoss) {
  auto const student = random_values(students * width, 1),
             teacher = random_values(teachers * width, 2);
  Result const one = run(Backend::cpu, DType::float64, student, teacher, pools);
  Result half = run(Backend::cpu, DType::float64, student, teacher, pools, 0.5);
  EXPECT_EQ(half.loss, one.loss);
  for (double& g : half.dstudent) g *= 2;
  expect_near(half.dstudent, one.dstudent, 1e-16, "dstudent");
}

TEST(Denoising, WithoutQueriesIsZero) {
  Queue queue(Backend::reference);
  DenoisePlan const plan{{{0, 0, 0, 3}}, Tensor(), 1};
  Tensor const student(queue, DType::float64, {0, width});
  Tensor const teacher = accord::testing::random_tensor(queue, DType::float64, {3, width}, 1);
  Tensor loss = Tensor::zeros(queue, DType::float64, {1});
  Tensor dstudent(queue, DType::float64, {0, width});
  denoise(queue, student, teacher, plan, {}, 1, loss, dstudent);
  EXPECT_EQ(to_host<double>(queue, loss)[0], 0);
}

TEST(Denoising, RefusesASingleCandidate) {
  auto const student = random_values(students * width, 1),
             teacher = random_values(teachers * width, 2);
  EXPECT_THROW(run(Backend::cpu, DType::float64, student, teacher, {{0, 1, 0, 1}}), Error);
}
