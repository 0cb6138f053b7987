#pragma once
// The contrastive loss of one global batch, computed by a group of ranks.

#include <mutex>

#include "core/loss/contrastive.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/support/op_testing.hpp"

namespace accord::testing {

/// Global features [batch, width].
struct ContrastBatch {
  Index batch = 0, width = 0;
  std::vector<double> a, b;
  double scale = 1;
};

/// Sums over ranks, and the ranks' rows of the gradients one after another.
struct ContrastOutcome {
  double loss = 0, a2b_correct = 0, b2a_correct = 0, dscale = 0;
  std::vector<double> dz_a, dz_b;
  std::vector<double> loss_of_rank, dscale_of_rank;
};

enum class Form { ring, gathered };

struct ContrastRun {
  Form form = Form::ring;
  Backend backend = Backend::reference;
  DType dtype = DType::float64;
  ContrastOptions options;
  bool freeze_b = false;
};

inline ContrastOutcome run_contrast(int ranks, ContrastBatch const& in, ContrastRun const& run) {
  ContrastOutcome outcome;
  outcome.dz_a.assign(in.a.size(), 0);
  outcome.dz_b.assign(in.b.size(), 0);
  outcome.loss_of_rank.assign(static_cast<std::size_t>(ranks), 0);
  outcome.dscale_of_rank = outcome.loss_of_rank;
  std::mutex mutex;
  parallel::ThreadGroup(ranks).run([&](Communicator& group) {
    Queue queue(run.backend);
    Index const rows = in.batch / ranks, begin = group.rank() * rows;
    auto const mine = [&](std::vector<double> const& all) {
      auto const first = all.begin() + begin * in.width;
      return tensor_of(queue, run.dtype, {first, first + rows * in.width}, {rows, in.width});
    };
    Tensor const z_a = mine(in.a), z_b = mine(in.b);
    Tensor const scale = tensor_of(queue, run.dtype, {in.scale}, {1});
    Tensor dz_a = random_tensor(queue, run.dtype, {rows, in.width}, 8);  // to be overwritten
    Tensor dz_b = run.freeze_b ? Tensor() : random_tensor(queue, run.dtype, {rows, in.width}, 9);
    Tensor dscale = Tensor::zeros(queue, run.dtype, {1});
    auto const function = run.form == Form::ring ? contrast_ring : contrast_gathered;
    ContrastResult const result =
        function(queue, group, z_a, z_b, scale, run.options, dz_a, dz_b, dscale);

    std::lock_guard const lock(mutex);
    outcome.loss_of_rank[group.rank()] = values_of(queue, result.loss)[0];
    outcome.dscale_of_rank[group.rank()] = values_of(queue, dscale)[0];
    outcome.a2b_correct += values_of(queue, result.a2b_correct)[0];
    outcome.b2a_correct += values_of(queue, result.b2a_correct)[0];
    auto const place = [&](ConstView rows_of_rank, std::vector<double>& all) {
      auto const values = values_of(queue, rows_of_rank);
      std::copy(values.begin(), values.end(), all.begin() + begin * in.width);
    };
    place(dz_a, outcome.dz_a);
    if (dz_b) place(dz_b, outcome.dz_b);
  });
  for (double const loss : outcome.loss_of_rank) outcome.loss += loss;
  for (double const dscale : outcome.dscale_of_rank) outcome.dscale += dscale;
  return outcome;
}

}  // namespace accord::testing
