#pragma once
// Attention as matrix products of the library, sequence by sequence, and a kernel between them: for
// any head dimension, in float32 and bfloat16. What the fused kernels do not take goes here, and
// what they do take is compared with it.

#include "core/ops/attention.hpp"

namespace accord::cuda {

/// attention_forward() and attention_backward(). Logits and their gradients are float32; p and
/// dlogit are rounded to T for the products. They are written to memory for as many heads of a
/// sequence at a time as fit 24 MiB in all (one head at least): two products and a kernel forward,
/// five and one backward.
template <class T>
void unfused_attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                               std::span<PositionBias const> bias, View out, View lse);
template <class T>
void unfused_attention_backward(Queue& queue, AttentionPlan const& plan, Index heads,
                                ConstView dout, ConstView qkv, ConstView lse,
                                std::span<PositionBias const> bias, View dqkv);

}  // namespace accord::cuda
