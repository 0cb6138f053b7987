#include "core/loss/sigmoid_contrastive.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/loss/distributed_contrast.hpp"

using namespace accord;
using accord::testing::ContrastOutcome;
using accord::testing::expect_gradient;
using accord::testing::expect_near;
using accord::testing::random_values;
using accord::testing::tensor_of;
using accord::testing::values_of;

namespace {

struct SigmoidBatch : accord::testing::ContrastBatch {
  double bias = -1;
};

struct SigmoidOutcome : ContrastOutcome {
  double dbias = 0;
};

SigmoidBatch sigmoid_batch(Index batch, Index width) {
  SigmoidBatch in;
  in.batch = batch;
  in.width = width;
  in.scale = 3;
  for (std::vector<double>* z : {&in.a, &in.b}) {
    *z = random_values(batch * width, z == &in.a ? 1 : 2);
    for (Index i = 0; i < batch; ++i) {
      double square = 0;
      for (Index c = 0; c < width; ++c) square += std::pow((*z)[i * width + c], 2);
      for (Index c = 0; c < width; ++c) (*z)[i * width + c] /= std::sqrt(square);
    }
  }
  return in;
}

/// The formula over the whole matrix of pairs.
SigmoidOutcome plain_sigmoid(SigmoidBatch const& in, bool exact) {
  Index const n = in.batch, d = in.width;
  SigmoidOutcome out;
  out.dz_a.assign(n * d, 0);
  out.dz_b.assign(n * d, 0);
  std::vector<double> products(n * n);
  double const feature_share = (exact ? 1.0 : 0.5) / static_cast<double>(n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      double& product = products[i * n + j];
      for (Index c = 0; c < d; ++c) product += in.a[i * d + c] * in.b[j * d + c];
      double const logit = in.scale * product + in.bias, sign = i == j ? 1 : -1;
      out.loss += std::log(1 + std::exp(-sign * logit)) / static_cast<double>(n);
      double const g = -sign / (1 + std::exp(sign * logit));
      out.dscale += g * product / static_cast<double>(n);
      out.dbias += g / static_cast<double>(n);
      for (Index c = 0; c < d; ++c) {
        out.dz_a[i * d + c] += feature_share * in.scale * g * in.b[j * d + c];
        out.dz_b[j * d + c] += feature_share * in.scale * g * in.a[i * d + c];
      }
    }
  for (Index i = 0; i < n; ++i) {
    bool a_right = true, b_right = true;
    for (Index j = 0; j < n; ++j) {
      a_right = a_right && (j == i || products[i * n + j] < products[i * n + i]);
      b_right = b_right && (j == i || products[j * n + i] < products[i * n + i]);
    }
    out.a2b_correct += a_right;
    out.b2a_correct += b_right;
  }
  return out;
}

struct SigmoidRun {
  Backend backend = Backend::reference;
  DType dtype = DType::float64;
  ContrastOptions options = {};
  bool freeze_b = false;
};

SigmoidOutcome run_sigmoid(int ranks, SigmoidBatch const& in, SigmoidRun const& run) {
  SigmoidOutcome outcome;
  outcome.dz_a.assign(in.a.size(), 0);
  outcome.dz_b.assign(in.b.size(), 0);
  std::mutex mutex;
  parallel::ThreadGroup(ranks).run([&](Communicator& group) {
    Queue queue(run.backend);
    Index const rows = in.batch / ranks, begin = group.rank() * rows;
    auto const mine = [&](std::vector<double> const& all) {
      auto const first = all.begin() + begin * in.width;
      return tensor_of(queue, run.dtype, {first, first + rows * in.width}, {rows, in.width});
    };
    Tensor const z_a = mine(in.a), z_b = mine(in.b);
    Tensor const scale = tensor_of(queue, run.dtype, {in.scale}, {1}),
                 bias = tensor_of(queue, run.dtype, {in.bias}, {1});
    Tensor dz_a = accord::testing::random_tensor(queue, run.dtype, {rows, in.width}, 8), dz_b;
    if (!run.freeze_b) dz_b = accord::testing::random_tensor(queue, run.dtype, {rows, in.width}, 9);
    Tensor dscale = Tensor::zeros(queue, run.dtype, {1}),
           dbias = Tensor::zeros(queue, run.dtype, {1});
    ContrastResult const result = sigmoid_contrast_ring(queue, group, z_a, z_b, {scale, bias},
                                                        run.options, dz_a, dz_b, {dscale, dbias});
    std::lock_guard const lock(mutex);
    outcome.loss += values_of(queue, result.loss)[0];
    outcome.dscale += values_of(queue, dscale)[0];
    outcome.dbias += values_of(queue, dbias)[0];
    outcome.a2b_correct += values_of(queue, result.a2b_correct)[0];
    outcome.b2a_correct += values_of(queue, result.b2a_correct)[0];
    auto const place = [&](ConstView rows_of_rank, std::vector<double>& all) {
      auto const values = values_of(queue, rows_of_rank);
      std::copy(values.begin(), values.end(), all.begin() + begin * in.width);
    };
    place(dz_a, outcome.dz_a);
    if (dz_b) place(dz_b, outcome.dz_b);
  });
  return outcome;
}

void expect_equal_sigmoid(SigmoidOutcome const& got, SigmoidOutcome const& want, double tolerance) {
  expect_near({got.loss, got.dscale, got.dbias}, {want.loss, want.dscale, want.dbias}, tolerance,
              "loss, dscale, dbias");
  expect_near(got.dz_a, want.dz_a, tolerance, "dz_a");
  expect_near(got.dz_b, want.dz_b, tolerance, "dz_b");
  EXPECT_EQ(got.a2b_correct, want.a2b_correct);
  EXPECT_EQ(got.b2a_correct, want.b2a_correct);
}

}  // namespace

TEST(SigmoidContrastive, EqualsTheWholeMatrixForAnyNumberOfRanks) {
  for (Backend const backend : {Backend::reference, Backend::cpu})
    for (int const ranks : {1, 2, 3, 4})
      for (Index const rows : {1, 3})
        for (auto const mode : {ContrastGradient::exact, ContrastGradient::anchor}) {
          SigmoidBatch const in = sigmoid_batch(ranks * rows, 7);
          SigmoidRun run{.backend = backend};
          run.options.gradient = mode;
          run.options.tile = 2;
          SCOPED_TRACE(::testing::Message() << ranks << " ranks of " << rows);
          expect_equal_sigmoid(run_sigmoid(ranks, in, run),
                               plain_sigmoid(in, mode == ContrastGradient::exact), 1e-13);
        }
}

TEST(SigmoidContrastive, GivesTheSameForOneBatchHoweverItIsDivided) {
  SigmoidBatch const in = sigmoid_batch(12, 5);
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    SigmoidRun const run{.backend = backend};
    SigmoidOutcome const one = run_sigmoid(1, in, run);
    for (int const ranks : {2, 3, 4, 6, 12})
      expect_equal_sigmoid(run_sigmoid(ranks, in, run), one, 1e-13);
  }
}

// Of the ring itself, on the reference backend.
TEST(SigmoidContrastive, ExactGradientsMatchFiniteDifferences) {
  SigmoidBatch const in = sigmoid_batch(4, 3);
  SigmoidOutcome const outcome = run_sigmoid(2, in, {});
  auto const loss_with = [&](std::vector<double> SigmoidBatch::*side) {
    return [&in, side](std::vector<double> const& x) {
      SigmoidBatch moved = in;
      moved.*side = x;
      return run_sigmoid(2, moved, {}).loss;
    };
  };
  expect_gradient(in.a, outcome.dz_a, loss_with(&SigmoidBatch::a), 1e-9, "dz_a");
  expect_gradient(in.b, outcome.dz_b, loss_with(&SigmoidBatch::b), 1e-9, "dz_b");
  expect_gradient(
      {in.scale, in.bias}, {outcome.dscale, outcome.dbias},
      [&](std::vector<double> const& x) {
        SigmoidBatch moved = in;
        moved.scale = x[0];
        moved.bias = x[1];
        return run_sigmoid(2, moved, {}).loss;
      },
      1e-9, "dscale, dbias");
}

TEST(SigmoidContrastive, GivesAFrozenSideNoGradientAndTheOtherTheSame) {
  SigmoidBatch const in = sigmoid_batch(6, 5);
  SigmoidOutcome want = plain_sigmoid(in, true);
  want.dz_b.assign(want.dz_b.size(), 0);
  expect_equal_sigmoid(run_sigmoid(3, in, {.freeze_b = true}), want, 1e-13);
}

TEST(SigmoidContrastive, MultipliesGradientsByTheWeightButNotTheLoss) {
  SigmoidBatch const in = sigmoid_batch(4, 5);
  SigmoidRun weighted;
  weighted.options.weight = 0.5;
  SigmoidOutcome want = plain_sigmoid(in, true);
  for (std::vector<double>* g : {&want.dz_a, &want.dz_b})
    for (double& x : *g) x *= 0.5;
  want.dscale *= 0.5;
  want.dbias *= 0.5;
  expect_equal_sigmoid(run_sigmoid(2, in, weighted), want, 1e-14);
}

TEST(SigmoidContrastive, InFloat32IsWithinItsRounding) {
  SigmoidBatch const in = sigmoid_batch(8, 16);
  expect_equal_sigmoid(run_sigmoid(4, in, {.backend = Backend::cpu, .dtype = DType::float32}),
                       plain_sigmoid(in, true), 2e-6);
}

TEST(SigmoidContrastive, NeedsTheSameMemoryOnAnyNumberOfRanks) {
  auto const peak = [](int ranks) {
    std::size_t bytes = 0;
    parallel::ThreadGroup(ranks).run([&](Communicator& group) {
      Queue queue(Backend::cpu);
      Tensor const z = accord::testing::random_tensor(queue, DType::float32, {16, 32}, 1);
      Tensor const one = tensor_of(queue, DType::float32, {1}, {1});
      Tensor da(queue, DType::float32, {16, 32}), db(queue, DType::float32, {16, 32});
      sigmoid_contrast_ring(queue, group, z, z, {one, one}, {}, da, db, {});
      if (group.rank() == 0) bytes = queue.memory().high_water();
    });
    return bytes;
  };
  EXPECT_EQ(peak(5), peak(2));
}
