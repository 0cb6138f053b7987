#include "core/loss/contrastive.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/comm/self_communicator.hpp"
#include "tests/core/loss/distributed_contrast.hpp"

using namespace accord;
using accord::testing::ContrastBatch;
using accord::testing::ContrastOutcome;
using accord::testing::ContrastRun;
using accord::testing::expect_gradient;
using accord::testing::expect_near;
using accord::testing::Form;
using accord::testing::random_values;
using accord::testing::run_contrast;

namespace {

ContrastBatch random_batch(Index batch, Index width) {
  ContrastBatch in{batch, width, random_values(batch * width, 1), random_values(batch * width, 2),
                   3};
  for (std::vector<double>* z : {&in.a, &in.b})
    for (Index i = 0; i < batch; ++i) {
      double square = 0;
      for (Index c = 0; c < width; ++c) square += std::pow((*z)[i * width + c], 2);
      for (Index c = 0; c < width; ++c) (*z)[i * width + c] /= std::sqrt(square);
    }
  return in;
}

/// The formulas of docs/model.md 2.1 over the whole matrix of logits.
ContrastOutcome plain(ContrastBatch const& in, double smoothing, bool exact) {
  Index const n = in.batch, d = in.width;
  std::vector<double> products(n * n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      for (Index c = 0; c < d; ++c) products[i * n + j] += in.a[i * d + c] * in.b[j * d + c];
  ContrastOutcome out;
  out.dz_a.assign(n * d, 0);
  out.dz_b.assign(n * d, 0);
  for (bool const a2b : {true, false})
    for (Index i = 0; i < n; ++i) {
      auto const product = [&](Index j) { return a2b ? products[i * n + j] : products[j * n + i]; };
      double sum = 0;
      Index best = 0;
      for (Index j = 0; j < n; ++j) {
        sum += std::exp(in.scale * product(j));
        if (product(j) > product(best)) best = j;
      }
      (a2b ? out.a2b_correct : out.b2a_correct) += best == i;
      std::vector<double> const& keys = a2b ? in.b : in.a;
      std::vector<double> const& queries = a2b ? in.a : in.b;
      for (Index j = 0; j < n; ++j) {
        double const target =
            i == j ? 1 - smoothing : (smoothing > 0 ? smoothing / static_cast<double>(n - 1) : 0);
        double const p = std::exp(in.scale * product(j)) / sum;
        out.loss -= 0.5 / static_cast<double>(n) * target * std::log(p);
        double const g = 0.5 / static_cast<double>(n) * (p - target);
        out.dscale += g * product(j);
        for (Index c = 0; c < d; ++c) {
          (a2b ? out.dz_a : out.dz_b)[i * d + c] += in.scale * g * keys[j * d + c];
          if (exact) (a2b ? out.dz_b : out.dz_a)[j * d + c] += in.scale * g * queries[i * d + c];
        }
      }
    }
  return out;
}

void expect_equal(ContrastOutcome const& got, ContrastOutcome const& want, double tolerance) {
  expect_near({got.loss, got.dscale}, {want.loss, want.dscale}, tolerance, "loss, dscale");
  expect_near(got.dz_a, want.dz_a, tolerance, "dz_a");
  expect_near(got.dz_b, want.dz_b, tolerance, "dz_b");
  EXPECT_EQ(got.a2b_correct, want.a2b_correct);
  EXPECT_EQ(got.b2a_correct, want.b2a_correct);
}

class ContrastiveForms : public ::testing::TestWithParam<std::tuple<Form, Backend>> {
 protected:
  ContrastRun run() const {
    ContrastRun run;
    std::tie(run.form, run.backend) = GetParam();
    return run;
  }
};

std::string name_of_form(::testing::TestParamInfo<std::tuple<Form, Backend>> const& info) {
  return std::string(std::get<0>(info.param) == Form::ring ? "ring_" : "gathered_") +
         std::string(name_of(std::get<1>(info.param)));
}

}  // namespace

TEST_P(ContrastiveForms, EqualTheWholeMatrixForAnyNumberOfRanks) {
  for (int const ranks : {1, 2, 3, 4, 5})
    for (Index const rows : {1, 3})
      for (double const smoothing : {0.0, 0.1})
        for (auto const mode : {ContrastGradient::exact, ContrastGradient::anchor}) {
          if (ranks * rows == 1 && smoothing > 0) continue;  // no other key to share it among
          ContrastBatch const in = random_batch(ranks * rows, 7);
          ContrastRun with = run();
          with.options.gradient = mode;
          with.options.label_smoothing = smoothing;
          with.options.tile = 2;
          SCOPED_TRACE(::testing::Message() << ranks << " ranks of " << rows);
          expect_equal(run_contrast(ranks, in, with),
                       plain(in, smoothing, mode == ContrastGradient::exact), 1e-13);
        }
}

TEST_P(ContrastiveForms, GiveTheSameForOneBatchHoweverItIsDivided) {
  ContrastBatch const in = random_batch(12, 5);
  ContrastOutcome const one = run_contrast(1, in, run());
  for (int const ranks : {2, 3, 4, 6, 12}) expect_equal(run_contrast(ranks, in, run()), one, 1e-13);
}

TEST_P(ContrastiveForms, CountTiesForTheSmallestIndexAndGiveLogOfTheBatchAtFreshWeights) {
  ContrastBatch in{3, 4, std::vector<double>(12, 0.5), std::vector<double>(12, 0.5), 14};
  for (int const ranks : {1, 3}) {
    ContrastOutcome const outcome = run_contrast(ranks, in, run());
    EXPECT_NEAR(outcome.loss, std::log(3.0), 1e-14);
    EXPECT_EQ(outcome.a2b_correct, 1);
    EXPECT_EQ(outcome.b2a_correct, 1);
  }
}

TEST_P(ContrastiveForms, GiveAFrozenSideNoGradientAndTheOtherTheSame) {
  ContrastBatch const in = random_batch(6, 5);
  ContrastRun frozen = run();
  frozen.freeze_b = true;
  for (auto const mode : {ContrastGradient::exact, ContrastGradient::anchor}) {
    frozen.options.gradient = mode;
    ContrastOutcome want = plain(in, 0, mode == ContrastGradient::exact);
    want.dz_b.assign(want.dz_b.size(), 0);
    expect_equal(run_contrast(3, in, frozen), want, 1e-13);
  }
}

TEST_P(ContrastiveForms, MultiplyGradientsByTheWeightButNotTheLoss) {
  ContrastBatch const in = random_batch(4, 5);
  ContrastRun weighted = run();
  weighted.options.weight = 0.5;
  ContrastOutcome want = plain(in, 0, true);
  for (std::vector<double>* g : {&want.dz_a, &want.dz_b})
    for (double& x : *g) x *= 0.5;
  want.dscale *= 0.5;
  expect_equal(run_contrast(2, in, weighted), want, 1e-14);
}

TEST_P(ContrastiveForms, InFloat32AreWithinItsRounding) {
  ContrastBatch in = random_batch(8, 16);
  ContrastRun single = run();
  single.dtype = DType::float32;
  expect_equal(run_contrast(4, in, single), plain(in, 0, true), 2e-6);
}

INSTANTIATE_TEST_SUITE_P(Contrastive, ContrastiveForms,
                         ::testing::Combine(::testing::Values(Form::ring, Form::gathered),
                                            ::testing::Values(Backend::reference, Backend::cpu)),
                         name_of_form);

// The oracle of the tests above, against differences of its own loss.
TEST(ContrastivePlain, ExactGradientMatchesFiniteDifferences) {
  ContrastBatch const in = random_batch(4, 3);
  ContrastOutcome const outcome = plain(in, 0.1, true);
  auto const loss_with = [&](std::vector<double> ContrastBatch::*side) {
    return [&in, side](std::vector<double> const& x) {
      ContrastBatch moved = in;
      moved.*side = x;
      return plain(moved, 0.1, true).loss;
    };
  };
  expect_gradient(in.a, outcome.dz_a, loss_with(&ContrastBatch::a), 1e-9, "dz_a");
  expect_gradient(in.b, outcome.dz_b, loss_with(&ContrastBatch::b), 1e-9, "dz_b");
  expect_gradient(
      {in.scale}, {outcome.dscale},
      [&](std::vector<double> const& x) {
        ContrastBatch moved = in;
        moved.scale = x[0];
        return plain(moved, 0.1, true).loss;
      },
      1e-9, "dscale");
}

// Spec 2.1: value and scale gradient agree; the anchor gradient is the exact one without the
// candidates' part, and about half of it.
TEST(Contrastive, AnchorModeDiffersInTheFeatureGradientsAlone) {
  ContrastBatch const in = random_batch(12, 8);
  ContrastRun run;
  ContrastOutcome const exact = run_contrast(4, in, run);
  run.options.gradient = ContrastGradient::anchor;
  ContrastOutcome const anchor = run_contrast(4, in, run);
  EXPECT_EQ(anchor.loss, exact.loss);
  EXPECT_EQ(anchor.dscale, exact.dscale);
  double const ratio = std::sqrt(accord::testing::dot(anchor.dz_a, anchor.dz_a) /
                                 accord::testing::dot(exact.dz_a, exact.dz_a));
  EXPECT_GT(ratio, 0.4);
  EXPECT_LT(ratio, 0.75);
}

TEST(Contrastive, RingKeepsItsBitsFromRunToRun) {
  ContrastBatch const in = random_batch(20, 6);
  ContrastRun run;
  run.backend = Backend::cpu;
  run.dtype = DType::float32;
  ContrastOutcome const first = run_contrast(4, in, run);
  for (int i = 0; i < 3; ++i) {
    ContrastOutcome const again = run_contrast(4, in, run);
    expect_equal(again, first, 0);
    EXPECT_EQ(again.loss_of_rank, first.loss_of_rank);
  }
}

TEST(Contrastive, RingNeedsTheSameMemoryOnAnyNumberOfRanks) {
  auto const peak = [](int ranks) {
    std::size_t bytes = 0;
    parallel::ThreadGroup(ranks).run([&](Communicator& group) {
      Queue queue(Backend::cpu);
      Tensor const z = accord::testing::random_tensor(queue, DType::float32, {16, 32}, 1);
      Tensor const scale = accord::testing::tensor_of(queue, DType::float32, {2}, {1});
      Tensor da(queue, DType::float32, {16, 32}), db(queue, DType::float32, {16, 32});
      contrast_ring(queue, group, z, z, scale, {}, da, db, {});
      if (group.rank() == 0) bytes = queue.memory().high_water();
    });
    return bytes;
  };
  EXPECT_EQ(peak(5), peak(2));
}

TEST(Contrastive, WithoutGradientsOnlyCountsAndLosses) {
  Queue queue(Backend::reference);
  SelfCommunicator self;
  ContrastBatch const in = random_batch(4, 3);
  Tensor const a = accord::testing::tensor_of(queue, DType::float64, in.a, {4, 3});
  Tensor const b = accord::testing::tensor_of(queue, DType::float64, in.b, {4, 3});
  Tensor const scale = accord::testing::tensor_of(queue, DType::float64, {in.scale}, {1});
  ContrastResult const result = contrast_ring(queue, self, a, b, scale, {}, {}, {}, {});
  ContrastOutcome const want = plain(in, 0, true);
  EXPECT_NEAR(to_host<double>(queue, result.loss)[0], want.loss, 1e-14);
  EXPECT_EQ(to_host<double>(queue, result.a2b_correct)[0], want.a2b_correct);
}
