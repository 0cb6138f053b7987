#include "core/ops/sigmoid_contrast.hpp"

#include <limits>
#include <vector>

#include "core/ops/check.hpp"

namespace accord {
namespace {

Tensor lowest(Queue& queue, DType dtype, Index count) {
  auto const fill = [&]<class T>(T value) {
    return Tensor::from_host(queue, std::vector<T>(static_cast<std::size_t>(count), value));
  };
  return dtype == DType::float64 ? fill(-std::numeric_limits<double>::infinity())
                                 : fill(-std::numeric_limits<float>::infinity());
}

}  // namespace

SigmoidContrastState::SigmoidContrastState(Queue& queue, DType dtype, Index queries)
    : loss(Tensor::zeros(queue, accumulator_of(dtype), {queries})),
      dscale(Tensor::zeros(queue, accumulator_of(dtype), {queries})),
      dbias(Tensor::zeros(queue, accumulator_of(dtype), {queries})),
      best(lowest(queue, accumulator_of(dtype), queries)),
      best_index(Tensor::zeros(queue, DType::int64, {queries})) {}

void sigmoid_contrast(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView bias,
                      ConstView targets, Index key_begin, Index tile, double weight,
                      SigmoidContrastState& state, View dq) {
  char const* const op = "sigmoid_contrast";
  DType const sums = accumulator_of(q.dtype());
  ACCORD_CHECK(
      q.rank() == 2 && k.rank() == 2 && q.columns() == k.columns() && q.dtype() == k.dtype(),
      "{}: queries {} {} against keys {} {}", op, name_of(q.dtype()), to_string(q.shape()),
      name_of(k.dtype()), to_string(k.shape()));
  ACCORD_CHECK(tile > 0 && key_begin >= 0, "{}: keys from {} on, tile {}", op, key_begin, tile);
  check_vector(op, "scale", scale, sums, 1);
  check_vector(op, "bias", bias, sums, 1);
  check_vector(op, "targets", targets, DType::int64, q.rows());
  check_vector(op, "state", state.loss, sums, q.rows());
  ACCORD_CHECK(!dq || (dq.shape() == q.shape() && dq.dtype() == sums), "{}: dq {} {} of queries {}",
               op, name_of(dq.dtype()), to_string(dq.shape()), to_string(q.shape()));
  ACCORD_DISPATCH(queue, q.dtype(), sigmoid_contrast, q, k, scale, bias, targets, key_begin, tile,
                  weight, state, dq);
}

void sigmoid_contrast_finish(Queue& queue, SigmoidContrastState const& state, ConstView targets,
                             double share, double weight, View loss, View correct, View dscale,
                             View dbias) {
  char const* const op = "sigmoid_contrast_finish";
  DType const dtype = state.loss.dtype();
  check_vector(op, "targets", targets, DType::int64, state.loss.size());
  check_vector(op, "loss", loss, dtype, 1);
  check_vector(op, "correct", correct, dtype, 1);
  check_optional(op, "dscale", dscale, dtype, 1);
  check_optional(op, "dbias", dbias, dtype, 1);
  ACCORD_DISPATCH(queue, dtype, sigmoid_contrast_finish, state, targets, share, weight, loss,
                  correct, dscale, dbias);
}

}  // namespace accord
