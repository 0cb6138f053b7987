#include "core/loss/contrastive.hpp"

#include <numeric>
#include <vector>

#include "core/base/trace.hpp"
#include "core/loss/ring.hpp"
#include "core/ops/check.hpp"
#include "core/ops/contrast.hpp"
#include "core/ops/elementwise.hpp"

namespace accord {
namespace {

/// One direction: the queries of this rank against the keys of all ranks.
class Direction {
 public:
  Direction(Queue& queue, Communicator const& group, ConstView queries, ConstView scale,
            ContrastOptions const& options)
      : queries_(queries),
        scale_(scale),
        state_(queue, queries.dtype(), queries.rows()),
        lse_(queue, accumulator_of(queries.dtype()), {queries.rows()}) {
    Index const rows = queries.rows();
    shape_.keys = rows * group.size();
    shape_.label_smoothing = options.label_smoothing;
    shape_.tile = options.tile;
    share_ = 0.5 / static_cast<double>(shape_.keys);
    std::vector<std::int64_t> targets(static_cast<std::size_t>(rows));
    std::iota(targets.begin(), targets.end(), std::int64_t{rows * group.rank()});
    targets_ = Tensor::from_host(queue, targets);
  }

  void forward(Queue& queue, Index key_begin, ConstView keys) {
    shape_.key_begin = key_begin;
    contrast_forward(queue, queries_, keys, scale_, targets_, shape_, state_);
  }
  void finish(Queue& queue, View loss, View correct) {
    contrast_finish(queue, state_, targets_, shape_, share_, lse_, loss, correct);
  }
  void backward(Queue& queue, Index key_begin, ConstView keys, double weight, View dqueries,
                View dkeys, View dscale) {
    shape_.key_begin = key_begin;
    contrast_backward(queue, queries_, keys, scale_, targets_, shape_, lse_, weight * share_,
                      dqueries, dkeys, dscale);
  }

 private:
  ConstView queries_, scale_;
  ContrastShape shape_;
  double share_;  // of one query in the loss
  ContrastState state_;
  Tensor lse_, targets_;
};

/// Views [rows, d] of the two sides in one block [sides * rows, d]; a side that takes no part is
/// empty.
class Sides {
 public:
  Sides(Index rows, bool a, bool b) : rows_(rows), a_(a), b_(b) {}
  Index rows() const { return rows_ * (Index{a_} + Index{b_}); }
  template <class AnyView>
  AnyView a(AnyView block) const {
    return a_ ? block.rows(0, rows_) : AnyView{};
  }
  template <class AnyView>
  AnyView b(AnyView block) const {
    return b_ ? block.rows(a_ ? rows_ : 0, rows_) : AnyView{};
  }

 private:
  Index rows_;
  bool a_, b_;
};

/// Sums of the keys' gradients on their way round the ring. The sum of a block is one hop behind
/// its features: it arrives while this rank computes its own share of it.
class TravellingGradient {
 public:
  TravellingGradient(Queue& queue, Communicator& group, DType dtype, Shape shape)
      : group_(group), share_(queue, dtype, shape) {
    if (group.size() == 1) return;
    leaving_ = Tensor(queue, dtype, shape);
    arriving_ = Tensor(queue, dtype, shape);
  }

  /// compute(view) adds this rank's share of the current block's gradient.
  template <class Compute>
  void hop(Queue& queue, Compute&& compute) {
    zero(queue, share_);
    std::unique_ptr<Request> request;
    if (hops_ > 0) request = exchange(queue);
    compute(share_.view());
    if (request) {
      request->wait(queue);
      add(queue, arriving_, share_);
    }
    std::swap(share_, leaving_);
    ++hops_;
  }
  /// After as many hops as ranks: the whole gradient of this rank's block.
  ConstView home(Queue& queue) {
    if (group_.size() == 1) return leaving_;
    exchange(queue)->wait(queue);
    return arriving_;
  }

 private:
  std::unique_ptr<Request> exchange(Queue& queue) {
    return group_.start_send_receive(queue, leaving_, next_of(group_), arriving_,
                                     previous_of(group_));
  }

  Communicator& group_;
  Tensor share_, leaving_, arriving_;
  int hops_ = 0;
};

void check_inputs(ConstView z_a, ConstView z_b, ConstView scale, View dz_a, View dz_b,
                  View dscale) {
  char const* const op = "cross-modal contrast";
  DType const sums = accumulator_of(z_a.dtype());
  ACCORD_CHECK(z_a.rank() == 2 && z_a.rows() > 0 && z_a.contiguous() && z_b.contiguous(),
               "{}: features {} of a and {} of b are not two dense matrices", op,
               to_string(z_a.shape()), to_string(z_b.shape()));
  check_like(op, "z_b", z_b, z_a);
  check_vector(op, "scale", scale, sums, 1);
  check_optional(op, "dz_a", dz_a, sums, z_a.size());
  check_optional(op, "dz_b", dz_b, sums, z_b.size());
  check_optional(op, "dscale", dscale, sums, 1);
}

ContrastResult zero_result(Queue& queue, DType dtype) {
  DType const sums = accumulator_of(dtype);
  return {Tensor::zeros(queue, sums, {1}), Tensor::zeros(queue, sums, {1}),
          Tensor::zeros(queue, sums, {1})};
}

}  // namespace

ContrastResult contrast_ring(Queue& queue, Communicator& group, ConstView z_a, ConstView z_b,
                             ConstView scale, ContrastOptions const& options, View dz_a, View dz_b,
                             View dscale) {
  TraceSpan const span(queue, Activity::compute, "contrast");
  check_inputs(z_a, z_b, scale, dz_a, dz_b, dscale);
  Index const rows = z_a.rows(), width = z_a.columns();
  ContrastResult result = zero_result(queue, z_a.dtype());
  Direction a2b(queue, group, z_a, scale, options), b2a(queue, group, z_b, scale, options);

  // Both sides travel in one block: one message a hop, and each hop serves both directions.
  Sides const features(rows, true, true);
  Tensor blocks[2] = {Tensor(queue, z_a.dtype(), {features.rows(), width}), Tensor()};
  if (group.size() > 1) blocks[1] = Tensor(queue, z_a.dtype(), {features.rows(), width});
  auto const start = [&] {
    copy(queue, z_a, features.a(blocks[0].view()));
    copy(queue, z_b, features.b(blocks[0].view()));
  };

  start();
  turn(queue, group, blocks, [&](int owner, ConstView block) {
    a2b.forward(queue, owner * rows, features.b(block));
    b2a.forward(queue, owner * rows, features.a(block));
  });
  a2b.finish(queue, result.loss, result.a2b_correct);
  b2a.finish(queue, result.loss, result.b2a_correct);
  if (!dz_a && !dz_b && !dscale) return result;

  if (dz_a) zero(queue, dz_a);
  if (dz_b) zero(queue, dz_b);
  auto const backward = [&](int owner, ConstView block, View dkeys_a, View dkeys_b) {
    a2b.backward(queue, owner * rows, features.b(block), options.weight, dz_a, dkeys_b, dscale);
    b2a.backward(queue, owner * rows, features.a(block), options.weight, dz_b, dkeys_a, dscale);
  };
  // The features go round once more: a gradient needs the log-sum-exp over all keys, known only
  // now, and every key again, for logits were not kept.
  start();
  Sides const trained(rows, static_cast<bool>(dz_a), static_cast<bool>(dz_b));
  if (options.gradient == ContrastGradient::anchor || trained.rows() == 0) {
    // Keys are constants: nothing has to find its way back to its owner.
    turn(queue, group, blocks, [&](int owner, ConstView block) { backward(owner, block, {}, {}); });
    return result;
  }
  TravellingGradient keys(queue, group, accumulator_of(z_a.dtype()), {trained.rows(), width});
  turn(queue, group, blocks, [&](int owner, ConstView block) {
    keys.hop(queue,
             [&](View share) { backward(owner, block, trained.a(share), trained.b(share)); });
  });
  ConstView const home = keys.home(queue);
  if (dz_a) add(queue, trained.a(home), dz_a);
  if (dz_b) add(queue, trained.b(home), dz_b);
  return result;
}

ContrastResult contrast_gathered(Queue& queue, Communicator& group, ConstView z_a, ConstView z_b,
                                 ConstView scale, ContrastOptions const& options, View dz_a,
                                 View dz_b, View dscale) {
  check_inputs(z_a, z_b, scale, dz_a, dz_b, dscale);
  DType const sums = accumulator_of(z_a.dtype());
  Shape const all{z_a.rows() * group.size(), z_a.columns()};
  ContrastResult result = zero_result(queue, z_a.dtype());
  // One direction after the other, so that the features of one side alone are gathered at a time.
  auto const direction = [&](ConstView queries, ConstView keys, View dqueries, View dkeys,
                             View correct) {
    Tensor gathered(queue, z_a.dtype(), all);
    group.all_gather(queue, keys, gathered);
    Direction side(queue, group, queries, scale, options);
    side.forward(queue, 0, gathered);
    side.finish(queue, result.loss, correct);
    bool const with_keys = dkeys && options.gradient == ContrastGradient::exact;
    if (!dqueries && !with_keys && !dscale) return;
    Tensor dgathered;
    if (with_keys) dgathered = Tensor::zeros(queue, sums, all);
    side.backward(queue, 0, gathered, options.weight, dqueries, dgathered, dscale);
    if (!with_keys) return;
    Tensor own(queue, sums, keys.shape());
    group.reduce_scatter(queue, dgathered, own);
    add(queue, own, dkeys);
  };
  if (dz_a) zero(queue, dz_a);
  if (dz_b) zero(queue, dz_b);
  direction(z_a, z_b, dz_a, dz_b, result.a2b_correct);
  direction(z_b, z_a, dz_b, dz_a, result.b2a_correct);
  return result;
}

}  // namespace accord
