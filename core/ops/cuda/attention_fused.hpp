#pragma once
// Attention in kernels of our own on tensor cores, which never write logits to memory.

#include <initializer_list>

#include "core/ops/attention.hpp"

namespace accord::cuda {

/// Whether the fused kernels know these operands, of which the first is qkv: bfloat16, heads of 64,
/// 16-byte rows.
bool fused_attention_takes(Index heads, std::initializer_list<ConstView> operands);

/// attention_forward() and attention_backward() of such operands.
void fused_attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                             std::span<PositionBias const> bias, View out, View lse);
void fused_attention_backward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView dout,
                              ConstView qkv, ConstView out, ConstView lse,
                              std::span<PositionBias const> bias, View dqkv);

}  // namespace accord::cuda
