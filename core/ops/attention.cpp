#include "core/ops/attention.hpp"

namespace accord {
namespace {

// Returns head_dim.
Index check_plan(AttentionPlan const& plan, Index heads, ConstView qkv) {
  ACCORD_CHECK(heads > 0 && qkv.rank() == 2 && qkv.columns() % (3 * heads) == 0,
               "attention: qkv {} does not hold q, k, v of {} heads", to_string(qkv.shape()),
               heads);
  ACCORD_CHECK(!plan.sequences.empty() && plan.sequences.front() == 0 &&
                   plan.sequences.back() == static_cast<Index>(plan.segments.size()),
               "attention: the plan's sequences do not cover its {} segments",
               plan.segments.size());
  for (AttentionSegment const& segment : plan.segments)
    ACCORD_CHECK(
        segment.row >= 0 && segment.length >= 0 && segment.row + segment.length <= qkv.rows(),
        "attention: a segment names rows [{}, {}) of {}", segment.row, segment.row + segment.length,
        qkv.rows());
  ACCORD_CHECK(!plan.keys || (plan.keys.dtype() == DType::uint8 && plan.keys.size() == qkv.rows()),
               "attention: {} key marks for {} rows", plan.keys.size(), qkv.rows());
  return qkv.columns() / (3 * heads);
}

void check_bias(Queue const& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                std::span<PositionBias const> bias) {
  DType const dtype = qkv.dtype();
  for (PositionBias const& b : bias) {
    if (!b.table) continue;
    ACCORD_CHECK(plan.positions && plan.positions.dtype() == DType::int32 &&
                     plan.positions.size() == qkv.rows(),
                 "attention: a bias needs the position of each of the {} rows, {} given",
                 qkv.rows(), plan.positions.size());
    ACCORD_CHECK(b.table.rank() == 2 && b.table.columns() == heads && b.table.dtype() == dtype &&
                     b.bucket && b.bucket.rank() == 2 && b.bucket.dtype() == DType::int32,
                 "attention: bias table {} for {} heads", to_string(b.table.shape()), heads);
    ACCORD_CHECK(!b.dtable || (b.dtable.shape() == b.table.shape() &&
                               b.dtable.dtype() == accumulator_of(dtype)),
                 "attention: gradient {} of a bias table {}", to_string(b.dtable.shape()),
                 to_string(b.table.shape()));
  }
  if (ConstView const values = plan.dense.values) {
    ACCORD_CHECK(queue.backend() == Backend::reference,
                 "attention: a dense bias is known to the reference backend only, not to {}",
                 name_of(queue.backend()));
    ACCORD_CHECK(values.dtype() == dtype && values.rank() == 4 && values.contiguous() &&
                     values.extent(0) == plan.sequence_count() && values.extent(1) == heads &&
                     values.extent(2) == values.extent(3),
                 "attention: dense bias {} for {} sequences and {} heads",
                 to_string(values.shape()), plan.sequence_count(), heads);
    for (Index s = 0; s < plan.sequence_count(); ++s) {
      Index length = 0;
      for (Index i = plan.sequences[s]; i < plan.sequences[s + 1]; ++i)
        length += plan.segments[i].length;
      ACCORD_CHECK(length == values.extent(2), "attention: dense bias {} for a sequence of {}",
                   to_string(values.shape()), length);
    }
  }
}

// One product of a query with a key, over all queries, keys and heads of the plan.
double product_flops(AttentionPlan const& plan, Index width) {
  double pairs = 0;
  for (Index s = 0; s < plan.sequence_count(); ++s) {
    double length = 0;
    for (Index i = plan.sequences[s]; i < plan.sequences[s + 1]; ++i)
      length += static_cast<double>(plan.segments[i].length);
    pairs += length * length;
  }
  return 2 * pairs * static_cast<double>(width);
}

}  // namespace

void attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                       std::span<PositionBias const> bias, View out, View lse) {
  Index const head_dim = check_plan(plan, heads, qkv);
  check_bias(queue, plan, heads, qkv, bias);
  ACCORD_CHECK(out.shape() == (Shape{qkv.rows(), heads * head_dim}) && out.dtype() == qkv.dtype(),
               "attention: qkv {} gives out {}", to_string(qkv.shape()), to_string(out.shape()));
  ACCORD_CHECK(lse.shape() == (Shape{qkv.rows(), heads}) && lse.contiguous() &&
                   lse.dtype() == accumulator_of(qkv.dtype()),
               "attention: qkv {} gives lse {}", to_string(qkv.shape()), to_string(lse.shape()));
  queue.count_flops(2 * product_flops(plan, heads * head_dim));
  ACCORD_DISPATCH(queue, qkv.dtype(), attention_forward, plan, heads, qkv, bias, out, lse);
}

void attention_backward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView dout,
                        ConstView qkv, ConstView out, ConstView lse,
                        std::span<PositionBias const> bias, View dqkv) {
  Index const head_dim = check_plan(plan, heads, qkv);
  check_bias(queue, plan, heads, qkv, bias);
  ACCORD_CHECK(out.shape() == (Shape{qkv.rows(), heads * head_dim}) &&
                   dout.shape() == out.shape() && dqkv.shape() == qkv.shape(),
               "attention backward: dout {}, out {}, qkv {}, dqkv {}", to_string(dout.shape()),
               to_string(out.shape()), to_string(qkv.shape()), to_string(dqkv.shape()));
  ACCORD_CHECK(
      out.dtype() == qkv.dtype() && dout.dtype() == qkv.dtype() && dqkv.dtype() == qkv.dtype(),
      "attention backward: dout {}, out {}, qkv {}, dqkv {}", name_of(dout.dtype()),
      name_of(out.dtype()), name_of(qkv.dtype()), name_of(dqkv.dtype()));
  ACCORD_CHECK(lse.shape() == (Shape{qkv.rows(), heads}) && lse.contiguous() &&
                   lse.dtype() == accumulator_of(qkv.dtype()),
               "attention backward: lse {} of qkv {}", to_string(lse.shape()),
               to_string(qkv.shape()));
  auto const& [values, gradient] = plan.dense;
  ACCORD_CHECK(
      !gradient || (gradient.shape() == values.shape() && gradient.dtype() == values.dtype()),
      "attention backward: gradient {} of a dense bias {}", to_string(gradient.shape()),
      to_string(values.shape()));
  queue.count_flops(5 * product_flops(plan, heads * head_dim));  // q k^T is computed again
  ACCORD_DISPATCH(queue, qkv.dtype(), attention_backward, plan, heads, dout, qkv, out, lse, bias,
                  dqkv);
}

}  // namespace accord
