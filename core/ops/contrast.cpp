#include "core/ops/contrast.hpp"

#include <limits>
#include <vector>

#include "core/ops/check.hpp"

namespace accord {
namespace {

void check_tile(ConstView q, ConstView k, ConstView scale, ConstView targets,
                ContrastShape const& shape) {
  ACCORD_CHECK(
      q.rank() == 2 && k.rank() == 2 && q.columns() == k.columns() && q.dtype() == k.dtype(),
      "contrast: queries {} {} against keys {} {}", name_of(q.dtype()), to_string(q.shape()),
      name_of(k.dtype()), to_string(k.shape()));
  ACCORD_CHECK(shape.tile > 0 && shape.key_begin >= 0 && shape.key_begin + k.rows() <= shape.keys,
               "contrast: keys [{}, {}) of {}, tile {}", shape.key_begin,
               shape.key_begin + k.rows(), shape.keys, shape.tile);
  check_vector("contrast", "scale", scale, accumulator_of(q.dtype()), 1);
  check_vector("contrast", "targets", targets, DType::int64, q.rows());
}

void check_smoothing(ContrastShape const& shape) {
  ACCORD_CHECK(shape.label_smoothing >= 0 && shape.label_smoothing < 1 &&
                   (shape.label_smoothing == 0 || shape.keys > 1),
               "contrast: label smoothing {} needs at least two keys, {} given (docs/model.md Q12)",
               shape.label_smoothing, shape.keys);
}

Tensor filled(Queue& queue, DType dtype, Index count, double value) {
  auto const n = static_cast<std::size_t>(count);
  return dtype == DType::float64
             ? Tensor::from_host(queue, std::vector<double>(n, value))
             : Tensor::from_host(queue, std::vector<float>(n, static_cast<float>(value)));
}

}  // namespace

double ContrastShape::others_share() const {
  return label_smoothing > 0 ? label_smoothing / static_cast<double>(keys - 1) : 0;
}

ContrastState::ContrastState(Queue& queue, DType dtype, Index queries)
    : max(filled(queue, accumulator_of(dtype), queries, -std::numeric_limits<double>::infinity())),
      sum(Tensor::zeros(queue, accumulator_of(dtype), {queries})),
      target(Tensor::zeros(queue, accumulator_of(dtype), {queries})),
      total(Tensor::zeros(queue, accumulator_of(dtype), {queries})),
      best_index(Tensor::zeros(queue, DType::int64, {queries})) {}

void contrast_forward(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView targets,
                      ContrastShape const& shape, ContrastState& state) {
  check_tile(q, k, scale, targets, shape);
  check_vector("contrast", "state", state.max, accumulator_of(q.dtype()), q.rows());
  ACCORD_DISPATCH(queue, q.dtype(), contrast_forward, q, k, scale, targets, shape, state);
}

void contrast_finish(Queue& queue, ContrastState const& state, ConstView targets,
                     ContrastShape const& shape, double weight, View lse, View loss, View correct) {
  DType const dtype = state.max.dtype();
  check_smoothing(shape);
  check_vector("contrast", "targets", targets, DType::int64, state.max.size());
  check_vector("contrast", "lse", lse, dtype, state.max.size());
  check_vector("contrast", "loss", loss, dtype, 1);
  check_optional("contrast", "correct", correct, dtype, 1);
  ACCORD_DISPATCH(queue, dtype, contrast_finish, state, targets, shape, weight, lse, loss, correct);
}

void contrast_backward(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView targets,
                       ContrastShape const& shape, ConstView lse, double weight, View dq, View dk,
                       View dscale) {
  check_tile(q, k, scale, targets, shape);
  check_smoothing(shape);
  DType const sums = accumulator_of(q.dtype());
  check_vector("contrast", "lse", lse, sums, q.rows());
  ACCORD_CHECK(!dq || (dq.shape() == q.shape() && dq.dtype() == sums),
               "contrast: dq {} {} of queries {}", name_of(dq.dtype()), to_string(dq.shape()),
               to_string(q.shape()));
  ACCORD_CHECK(!dk || (dk.shape() == k.shape() && dk.dtype() == sums),
               "contrast: dk {} {} of keys {}", name_of(dk.dtype()), to_string(dk.shape()),
               to_string(k.shape()));
  check_optional("contrast", "dscale", dscale, sums, 1);
  ACCORD_DISPATCH(queue, q.dtype(), contrast_backward, q, k, scale, targets, shape, lse, weight, dq,
                  dk, dscale);
}

}  // namespace accord
