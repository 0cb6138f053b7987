#include "core/loss/denoising.hpp"

#include "core/base/trace.hpp"
#include "core/ops/check.hpp"
#include "core/ops/contrast.hpp"
#include "core/ops/normalize.hpp"

namespace accord {
namespace {

/// Features of unit length, and what their backward needs.
struct Normalised {
  Normalised(Queue& queue, ConstView x)
      : unit(queue, x.dtype(), x.shape()),
        inverse_norm(queue, accumulator_of(x.dtype()), {x.rows()}) {
    normalize_forward(queue, x, unit, inverse_norm);
  }
  Tensor unit, inverse_norm;
};

void check_pools(ConstView student, ConstView teacher, DenoisePlan const& plan) {
  ACCORD_CHECK(plan.global_pools >= static_cast<Index>(plan.pools.size()),
               "denoising: {} pools here, {} in the global batch", plan.pools.size(),
               plan.global_pools);
  for (DenoisePool const& pool : plan.pools) {
    ACCORD_CHECK(pool.query_begin >= 0 && pool.queries >= 0 &&
                     pool.query_begin + pool.queries <= student.rows() && pool.key_begin >= 0 &&
                     pool.key_begin + pool.keys <= teacher.rows(),
                 "denoising: a pool of queries [{}, {}) of {} and keys [{}, {}) of {}",
                 pool.query_begin, pool.query_begin + pool.queries, student.rows(), pool.key_begin,
                 pool.key_begin + pool.keys, teacher.rows());
    ACCORD_CHECK(
        pool.queries == 0 || pool.keys > 1,
        "denoising: {} queries with {} candidate: a pool needs at least two (docs/model.md Q12); "
        "a larger loss.denoising_pool has more",
        pool.queries, pool.keys);
  }
}

}  // namespace

void denoise(Queue& queue, ConstView student, ConstView teacher, DenoisePlan const& plan,
             DenoiseOptions const& options, double weight, View loss, View dstudent) {
  TraceSpan const span(queue, Activity::compute, "denoising loss");
  char const* const op = "denoising";
  DType const sums = accumulator_of(student.dtype());
  check_matrix(op, "teacher", teacher, student.dtype(), teacher.rows(), student.columns());
  check_vector(op, "loss", loss, sums, 1);
  if (dstudent) check_like(op, "dstudent", dstudent, student);
  check_pools(student, teacher, plan);
  if (student.rows() == 0) return;
  check_vector(op, "targets", plan.targets, DType::int64, student.rows());

  Normalised const queries(queue, student), keys(queue, teacher);
  Tensor const scale =
      sums == DType::float64
          ? Tensor::from_host(queue, std::vector<double>{options.scale})
          : Tensor::from_host(queue, std::vector<float>{static_cast<float>(options.scale)});
  Tensor dqueries;
  if (dstudent) dqueries = Tensor::zeros(queue, sums, student.shape());
  for (DenoisePool const& pool : plan.pools) {
    if (pool.queries == 0) continue;
    auto const of_pool = [&](auto view) { return view.rows(pool.query_begin, pool.queries); };
    ConstView const q = of_pool(queries.unit.view()), targets = of_pool(plan.targets.view());
    ConstView const k = keys.unit.view().rows(pool.key_begin, pool.keys);
    ContrastShape const shape{0, pool.keys, options.label_smoothing, options.tile};
    double const share =
        1 / (static_cast<double>(plan.global_pools) * static_cast<double>(pool.queries));
    ContrastState state(queue, student.dtype(), pool.queries);
    Tensor lse(queue, sums, {pool.queries});
    contrast_forward(queue, q, k, scale, targets, shape, state);
    contrast_finish(queue, state, targets, shape, share, lse, loss, {});
    if (dstudent)
      contrast_backward(queue, q, k, scale, targets, shape, lse, weight * share,
                        of_pool(dqueries.view()), {}, {});
  }
  if (dstudent) normalize_backward(queue, dqueries, queries.unit, queries.inverse_norm, dstudent);
}

}  // namespace accord
