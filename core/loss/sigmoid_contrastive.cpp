#include "core/loss/sigmoid_contrastive.hpp"

#include <numeric>
#include <vector>

#include "core/base/trace.hpp"
#include "core/loss/ring.hpp"
#include "core/ops/check.hpp"
#include "core/ops/sigmoid_contrast.hpp"

namespace accord {

ContrastResult sigmoid_contrast_ring(Queue& queue, Communicator& group, ConstView z_a,
                                     ConstView z_b, SigmoidScalars const& scalars,
                                     ContrastOptions const& options, View dz_a, View dz_b,
                                     SigmoidGradients const& gradients) {
  TraceSpan const span(queue, Activity::compute, "contrast");
  char const* const op = "sigmoid contrast";
  DType const sums = accumulator_of(z_a.dtype());
  ACCORD_CHECK(z_a.rank() == 2 && z_a.rows() > 0 && z_a.contiguous() && z_b.contiguous(),
               "{}: features {} of a and {} of b are not two dense matrices", op,
               to_string(z_a.shape()), to_string(z_b.shape()));
  check_like(op, "z_b", z_b, z_a);
  check_optional(op, "dz_a", dz_a, sums, z_a.size());
  check_optional(op, "dz_b", dz_b, sums, z_b.size());

  Index const rows = z_a.rows(), width = z_a.columns();
  std::vector<std::int64_t> own(static_cast<std::size_t>(rows));
  std::iota(own.begin(), own.end(), std::int64_t{rows * group.rank()});
  Tensor const targets = Tensor::from_host(queue, own);
  double const share = 0.5 / static_cast<double>(rows * group.size());  // of a row in each half
  double const weight = options.weight * share;
  // The half in which a row is the other side holds the same pairs: its gradient is the same again.
  double const of_features = options.gradient == ContrastGradient::exact ? 2 * weight : weight;

  Tensor blocks[2] = {Tensor(queue, z_a.dtype(), {2 * rows, width}), Tensor()};
  if (group.size() > 1) blocks[1] = Tensor(queue, z_a.dtype(), {2 * rows, width});
  copy(queue, z_a, blocks[0].view().rows(0, rows));
  copy(queue, z_b, blocks[0].view().rows(rows, rows));
  if (dz_a) zero(queue, dz_a);
  if (dz_b) zero(queue, dz_b);
  SigmoidContrastState a2b(queue, z_a.dtype(), rows), b2a(queue, z_a.dtype(), rows);
  turn(queue, group, blocks, [&](int owner, ConstView block) {
    sigmoid_contrast(queue, z_a, block.rows(rows, rows), scalars.scale, scalars.bias, targets,
                     owner * rows, options.tile, of_features, a2b, dz_a);
    sigmoid_contrast(queue, z_b, block.rows(0, rows), scalars.scale, scalars.bias, targets,
                     owner * rows, options.tile, of_features, b2a, dz_b);
  });
  ContrastResult result{Tensor::zeros(queue, sums, {1}), Tensor::zeros(queue, sums, {1}),
                        Tensor::zeros(queue, sums, {1})};
  sigmoid_contrast_finish(queue, a2b, targets, share, weight, result.loss, result.a2b_correct,
                          gradients.scale, gradients.bias);
  sigmoid_contrast_finish(queue, b2a, targets, share, weight, result.loss, result.b2a_correct,
                          gradients.scale, gradients.bias);
  return result;
}

}  // namespace accord
