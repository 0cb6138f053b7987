#include "core/ops/attention.hpp"

#include "core/ops/cuda/attention_fused.hpp"
#include "core/ops/cuda/attention_unfused.hpp"

namespace accord::cuda {

template <class T>
void attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                       std::span<PositionBias const> bias, View out, View lse) {
  if (fused_attention_takes(heads, {qkv, out}))
    fused_attention_forward(queue, plan, heads, qkv, bias, out, lse);
  else
    unfused_attention_forward<T>(queue, plan, heads, qkv, bias, out, lse);
}

template <class T>
void attention_backward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView dout,
                        ConstView qkv, ConstView out, ConstView lse,
                        std::span<PositionBias const> bias, View dqkv) {
  if (fused_attention_takes(heads, {qkv, out, dout, dqkv}))
    fused_attention_backward(queue, plan, heads, dout, qkv, out, lse, bias, dqkv);
  else
    unfused_attention_backward<T>(queue, plan, heads, dout, qkv, lse, bias, dqkv);
}

#define ACCORD_INSTANTIATE(T)                                                                    \
  template void attention_forward<T>(Queue&, AttentionPlan const&, Index, ConstView,             \
                                     std::span<PositionBias const>, View, View);                 \
  template void attention_backward<T>(Queue&, AttentionPlan const&, Index, ConstView, ConstView, \
                                      ConstView, ConstView, std::span<PositionBias const>, View);
ACCORD_INSTANTIATE(float)
ACCORD_INSTANTIATE(BFloat16)
#undef ACCORD_INSTANTIATE

}  // namespace accord::cuda
