#include "parallel/data/gradient_reducer.hpp"

#include <algorithm>

#include "core/base/trace.hpp"

namespace accord::parallel {
namespace {

// Each bucket under way holds as much memory again for what arrives.
constexpr std::size_t most_in_flight = 4;

}  // namespace

GradientReducer::GradientReducer(ParameterStore& store, MeshGroups& groups,
                                 Ownership const& ownership, bool sequence_parallel)
    : store_(store),
      groups_(groups),
      ownership_(ownership),
      started_(ownership.trained_buckets().size(), false) {
  if (!sequence_parallel || groups.tensor->size() == 1) return;
  for (FlatRange const& range : ownership.trained())
    for (ParameterPiece const& piece : store.pieces(range.begin, range.end()))
      if (store.spec(piece.parameter).distribution == Distribution::partial)
        partial_.push_back({piece.flat_begin, piece.count});
}

// A bucket with a parameter that other stages hold too must first be summed over the pipeline.
bool GradientReducer::waits_for_pipeline(Bucket const& bucket) const {
  if (ownership_.shared_slots().empty()) return false;
  auto const pieces = store_.pieces(bucket.range.begin, bucket.range.end());
  return std::any_of(pieces.begin(), pieces.end(), [&](ParameterPiece const& piece) {
    return ownership_.is_shared(piece.parameter);
  });
}

void GradientReducer::ready(Queue& queue, Index flat_begin) {
  auto const& buckets = ownership_.trained_buckets();
  for (std::size_t i = 0; i < buckets.size() && buckets[i].range.begin >= flat_begin; ++i) {
    if (started_[i] || waits_for_pipeline(buckets[i])) continue;
    started_[i] = true;
    start(queue, buckets[i]);
  }
}

void GradientReducer::finish(Queue& queue) {
  TraceSpan const span(queue, Activity::compute, "reduce");
  sum_shared(queue);
  auto const& buckets = ownership_.trained_buckets();
  for (std::size_t i = 0; i < buckets.size(); ++i)
    if (!started_[i]) start(queue, buckets[i]);
  while (!in_flight_.empty()) complete_oldest(queue);
  sum_partial(queue);
  started_.assign(buckets.size(), false);
}

void GradientReducer::start(Queue& queue, Bucket const& bucket) {
  Communicator& data = *groups_.data;
  if (data.size() == 1) return;
  if (in_flight_.size() == most_in_flight) complete_oldest(queue);
  View const whole = store_.flat_gradients().rows(bucket.range.begin, bucket.range.count);
  Index const padded_count = bucket.part * data.size();
  InFlight started{bucket, {}, nullptr};
  View send = whole;
  if (padded_count != bucket.range.count) {
    started.padded = Tensor::zeros(queue, whole.dtype(), Shape{padded_count});
    send = started.padded;
    copy(queue, whole, send.rows(0, bucket.range.count));
  }
  started.request =
      data.start_reduce_scatter(queue, send, send.rows(data.rank() * bucket.part, bucket.part));
  in_flight_.push_back(std::move(started));
}

void GradientReducer::complete_oldest(Queue& queue) {
  InFlight& oldest = in_flight_.front();
  oldest.request->wait(queue);
  if (oldest.padded) {
    int const rank = groups_.data->rank();
    FlatRange const own = oldest.bucket.part_of(rank);
    copy(queue, oldest.padded.view().rows(rank * oldest.bucket.part, own.count),
         store_.flat_gradients().rows(own.begin, own.count));
  }
  in_flight_.pop_front();
}

void GradientReducer::sum_shared(Queue& queue) {
  if (ownership_.shared_slots().empty()) return;
  View const gradients = store_.flat_gradients();
  Tensor packed = Tensor::zeros(queue, gradients.dtype(), Shape{ownership_.shared_size()});
  auto const each = [&](auto&& move) {
    for (Ownership::SharedSlot const& slot : ownership_.shared_slots())
      if (slot.id >= 0)
        move(gradients.rows(store_.flat_begin(slot.id), slot.count),
             packed.view().rows(slot.offset, slot.count));
  };
  each([&](View gradient, View room) { copy(queue, gradient, room); });
  groups_.pipeline->all_reduce(queue, packed);
  each([&](View gradient, View room) { copy(queue, room, gradient); });
}

void GradientReducer::sum_partial(Queue& queue) {
  if (partial_.empty()) return;  // on all tensor-parallel ranks alike: their stores have one layout
  Index size = 0;
  for (FlatRange const& range : partial_) size += range.count;
  View const gradients = store_.flat_gradients();
  Tensor packed(queue, gradients.dtype(), Shape{size});
  auto const each = [&](auto&& move) {
    Index at = 0;
    for (FlatRange const& range : partial_) {
      move(gradients.rows(range.begin, range.count), packed.view().rows(at, range.count));
      at += range.count;
    }
  };
  each([&](View gradient, View room) { copy(queue, gradient, room); });
  groups_.tensor->all_reduce(queue, packed);
  each([&](View gradient, View room) { copy(queue, room, gradient); });
}

void GradientReducer::all_gather(Queue& queue) {
  for (Bucket const& bucket : ownership_.trained_buckets())
    all_gather_bucket(queue, *groups_.data, store_.flat_gradients(), bucket);
}

}  // namespace accord::parallel
