#include "parallel/data/sharded_optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/trace.hpp"
#include "core/ops/elementwise.hpp"
#include "core/ops/sum_of_squares.hpp"

namespace accord::parallel {

ShardedOptimizer::ShardedOptimizer(Queue& queue, ParameterStore& store, MeshGroups& groups,
                                   Ownership const& ownership, AdamwOptions options, Zero zero)
    : store_(store),
      groups_(groups),
      ownership_(ownership),
      options_(std::move(options)),
      zero_(zero) {
  Memory::Owner const owner(queue.memory(), "optimizer");
  Index size = 0;
  if (zero == Zero::replicated) {
    held_.push_back({{0, store.trainable_size()}, 0});
    size = store.trainable_size();
  } else {
    for (FlatRange const& range : ownership.trained()) {
      held_.push_back({range, size});
      size += range.count;
    }
  }
  DType const dtype = accumulator_of(store.dtype());
  exp_avg_ = Tensor::zeros(queue, dtype, Shape{size});
  exp_avg_sq_ = Tensor::zeros(queue, dtype, Shape{size});
  if (store.dtype() == DType::bfloat16) {
    for (FlatRange const& range : ownership.frozen()) {
      frozen_.push_back({range, size});
      size += range.count;
    }
    masters_ = Tensor::zeros(queue, dtype, Shape{size});
    for (auto const* places : {&held_, &frozen_})
      for (Held const& held : *places)
        convert(queue, store.flat_values().rows(held.range.begin, held.range.count),
                masters_.view().rows(held.state_begin, held.range.count));
  }
  for (Held const& held : held_)
    for (UpdateRange const& range :
         update_ranges(store, options_, held.range.begin, held.range.end()))
      updates_.push_back(range);
  for (FlatRange const& range : ownership.trained())
    for (ParameterPiece const& piece : store.pieces(range.begin, range.end())) {
      if (!ownership.is_primary(piece.parameter)) continue;
      if (!counted_.empty() && counted_.back().end() == piece.flat_begin)
        counted_.back().count += piece.count;
      else
        counted_.push_back({piece.flat_begin, piece.count});
    }
}

StepResult ShardedOptimizer::step(Queue& queue, GradientReducer& reducer, double learning_rate) {
  TraceSpan const span(queue, Activity::compute, "optimizer");
  StepResult result;
  result.grad_norm = gradient_norm(queue);
  result.clip_coefficient = clip_coefficient(options_, result.grad_norm);
  result.finite = std::isfinite(result.grad_norm);
  if (!result.finite) return result;  // every rank has the same norm, so all return here
  if (zero_ == Zero::replicated) reducer.all_gather(queue);
  update(queue, learning_rate, result.clip_coefficient);
  if (zero_ == Zero::sharded) gather_values(queue, ownership_.trained_buckets());
  return result;
}

double ShardedOptimizer::gradient_norm(Queue& queue) {
  Tensor sum = Tensor::zeros(queue, DType::float64, Shape{1});
  for (FlatRange const& range : counted_)
    sum_of_squares(queue, store_.flat_gradients().rows(range.begin, range.count), sum);
  for (Communicator* group : {groups_.data.get(), groups_.tensor.get(), groups_.pipeline.get()})
    group->all_reduce(queue, sum);
  return std::sqrt(to_host<double>(queue, sum)[0]);
}

void ShardedOptimizer::update(Queue& queue, double learning_rate, double gradient_scale) {
  ++completed_;
  for (UpdateRange const& range : updates_) {
    FlatRange const flat{range.begin, range.count};
    View const values = store_.flat_values().rows(flat.begin, flat.count);
    adamw_update(queue, step_of(options_, range, completed_, learning_rate, gradient_scale),
                 master(flat), store_.flat_gradients().rows(flat.begin, flat.count),
                 state(exp_avg_, flat), state(exp_avg_sq_, flat), masters_ ? values : View{});
  }
}

void ShardedOptimizer::gather_values(Queue& queue, std::vector<Bucket> const& buckets) {
  for (Bucket const& bucket : buckets)
    all_gather_bucket(queue, *groups_.data, store_.flat_values(), bucket);
}

View ShardedOptimizer::state(Tensor& values, FlatRange const& range) {
  auto const& places = range.begin < store_.trainable_size() ? held_ : frozen_;
  auto const held = std::partition_point(places.begin(), places.end(), [&](Held const& other) {
    return other.range.begin > range.begin;
  });
  ACCORD_CHECK(held != places.end() && range.end() <= held->range.end(),
               "no optimizer state for flat elements [{}, {})", range.begin, range.end());
  return values.view().rows(held->state_begin + range.begin - held->range.begin, range.count);
}

View ShardedOptimizer::master(FlatRange const& range) {
  return masters_ ? state(masters_, range) : store_.flat_values().rows(range.begin, range.count);
}

void ShardedOptimizer::round_masters(Queue& queue) {
  if (!masters_) return;
  for (auto const* places : {&held_, &frozen_})
    for (Held const& held : *places)
      convert(queue, masters_.view().rows(held.state_begin, held.range.count),
              store_.flat_values().rows(held.range.begin, held.range.count));
}

std::vector<LogicalPiece> ShardedOptimizer::pieces(TensorKind kind, Copies copies) {
  std::vector<LogicalPiece> result;
  auto const add = [&](std::vector<FlatRange> const& ranges) {
    // Buckets run from the end of flat storage to its beginning.
    for (auto range = ranges.rbegin(); range != ranges.rend(); ++range)
      for (ParameterPiece const& piece : store_.pieces(range->begin, range->end())) {
        if (copies == Copies::primary && !ownership_.is_primary(piece.parameter)) continue;
        FlatRange const flat{piece.flat_begin, piece.count};
        View const values = kind == TensorKind::weight ? master(flat)
                            : kind == TensorKind::gradient
                                ? store_.flat_gradients().rows(flat.begin, flat.count)
                            : kind == TensorKind::exp_avg ? state(exp_avg_, flat)
                                                          : state(exp_avg_sq_, flat);
        result.push_back({piece.parameter, piece.logical_begin, values});
      }
  };
  add(ownership_.trained());
  if (kind == TensorKind::weight) add(ownership_.frozen());
  return result;
}

void ShardedOptimizer::spread_loaded(Queue& queue) {
  round_masters(queue);
  gather_values(queue, ownership_.trained_buckets());
  gather_values(queue, ownership_.frozen_buckets());
  if (zero_ == Zero::sharded) return;
  std::vector<View> whole{exp_avg_, exp_avg_sq_};
  if (masters_) whole.push_back(masters_.view().rows(0, store_.trainable_size()));
  for (Bucket const& bucket : ownership_.trained_buckets())
    for (View const values : whole) all_gather_bucket(queue, *groups_.data, values, bucket);
}

}  // namespace accord::parallel
