#include "parallel/data/sharded_optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/trace.hpp"
#include "core/optim/clip.hpp"

namespace accord::parallel {
namespace {

FlatRange trainable(ParameterStore const& store) { return {0, store.trainable_size()}; }

std::vector<FlatRange> updated_here(ParameterStore const& store, Ownership const& ownership,
                                    Zero zero) {
  return zero == Zero::replicated ? std::vector{trainable(store)} : ownership.trained();
}

// Frozen weights need masters too, where there are any: a checkpoint holds them as they came, not
// rounded.
std::vector<FlatRange> kept_here(ParameterStore const& store, Ownership const& ownership,
                                 Zero zero) {
  std::vector<FlatRange> ranges = updated_here(store, ownership, zero);
  ranges.insert(ranges.end(), ownership.frozen().begin(), ownership.frozen().end());
  return ranges;
}

}  // namespace

ShardedOptimizer::ShardedOptimizer(Queue& queue, ParameterStore& store, MeshGroups& groups,
                                   Ownership const& ownership, AdamwOptions options, Zero zero)
    : store_(store),
      groups_(groups),
      ownership_(ownership),
      clip_norm_(options.clip_norm),
      zero_(zero),
      norm_(store, groups, ownership),
      masters_(queue, store, kept_here(store, ownership, zero)),
      update_(queue, store, HeldRanges(updated_here(store, ownership, zero)), std::move(options)) {}

StepResult ShardedOptimizer::step(Queue& queue, GradientReducer& reducer, double learning_rate) {
  TraceSpan const span(queue, Activity::compute, "optimizer");
  StepResult result;
  result.grad_norm = norm_(queue);
  result.clip_coefficient = clip_coefficient(clip_norm_, result.grad_norm);
  result.finite = std::isfinite(result.grad_norm);
  if (!result.finite) return result;  // every rank has the same norm, so all return here
  if (zero_ == Zero::replicated) reducer.all_gather(queue);
  update_.run(queue, masters_, store_.flat_gradients(), ++completed_, learning_rate,
              result.clip_coefficient);
  if (zero_ == Zero::sharded) gather_values(queue, ownership_.trained_buckets());
  return result;
}

void ShardedOptimizer::gather_values(Queue& queue, std::vector<Bucket> const& buckets) {
  for (Bucket const& bucket : buckets)
    all_gather_bucket(queue, *groups_.data, store_.flat_values(), bucket);
}

std::vector<TensorKind> ShardedOptimizer::kinds() {
  std::vector<TensorKind> kinds{TensorKind::weight};
  for (std::string_view const state : AdamwUpdate::states) kinds.push_back({state});
  return kinds;
}

std::vector<LogicalPiece> ShardedOptimizer::pieces(TensorKind kind, Copies copies) {
  auto const values = [&](FlatRange const& range) {
    if (kind == TensorKind::weight) return masters_.of(range);
    if (kind == TensorKind::gradient) return store_.flat_gradients().rows(range.begin, range.count);
    auto const& states = AdamwUpdate::states;
    auto const state = std::find(states.begin(), states.end(), kind.name);
    ACCORD_CHECK(state != states.end(), "the optimizer has no {}", kind.name);
    return update_.state(static_cast<std::size_t>(state - states.begin()), range);
  };
  std::vector<LogicalPiece> pieces =
      logical_pieces(store_, ownership_, ownership_.trained(), copies, values);
  if (kind == TensorKind::weight)
    for (LogicalPiece const& piece :
         logical_pieces(store_, ownership_, ownership_.frozen(), copies, values))
      pieces.push_back(piece);
  return pieces;
}

void ShardedOptimizer::spread_loaded(Queue& queue) {
  masters_.round_all(queue);
  gather_values(queue, ownership_.trained_buckets());
  gather_values(queue, ownership_.frozen_buckets());
  if (zero_ == Zero::sharded) return;
  // Replicated state is laid out as flat storage is, so buckets can be gathered in it likewise.
  FlatRange const all = trainable(store_);
  std::vector<View> whole;
  for (std::size_t state = 0; state < AdamwUpdate::states.size(); ++state)
    whole.push_back(update_.state(state, all));
  if (masters_.apart()) whole.push_back(masters_.of(all));
  for (Bucket const& bucket : ownership_.trained_buckets())
    for (View const values : whole) all_gather_bucket(queue, *groups_.data, values, bucket);
}

}  // namespace accord::parallel
