#include "core/ops/cuda/attention_unfused.hpp"

#include <cmath>
#include <limits>

#include "core/ops/cuda/attention_plan.cuh"
#include "core/ops/cuda/gemm.hpp"

namespace accord::cuda {
namespace {

constexpr int warps = 4;

/// The logits of some heads of one sequence: [heads, length, pitch], of which a product fills
/// [heads, length, length] with q k^T scale.
struct Logits {
  AttentionTile sequence;
  Index first_head, heads, pitch;

  __host__ __device__ Index matrix() const { return sequence.length * pitch; }
  __host__ __device__ Index rows() const { return heads * sequence.length; }
};

/// Calls body(row, query, head) with this warp's row of the logits.
template <class Body>
__device__ void with_row(DevicePlan const& plan, Logits const& logits, Body const& body) {
  Index const row = static_cast<Index>(blockIdx.x) * warps + threadIdx.x / warp_size;
  if (row >= logits.rows()) return;
  Token const query =
      token_of(plan, logits.sequence, static_cast<int>(row % logits.sequence.length));
  body(row, query, static_cast<int>(logits.first_head + row / logits.sequence.length));
}

// p = softmax(x + bias), which may lie where x does.
template <class T>
__global__ void softmax_kernel(DevicePlan plan, Logits logits, float* x_of_row, T* p_of_row,
                               float* lse) {
  with_row(plan, logits, [&](Index row, Token const& query, int head) {
    T const* const tables = plan.tables_of<T>(head);
    float* const x = x_of_row + row * logits.pitch;
    T* const p = p_of_row + row * logits.pitch;
    int const first = threadIdx.x % warp_size, length = logits.sequence.length;
    float largest = -INFINITY, sum = 0;
    for (int j = first; j < length; j += warp_size) {
      Token const key = token_of(plan, logits.sequence, j);
      x[j] = key.key ? x[j] + bias_of(plan, tables, query, key) : -INFINITY;
      largest = fmaxf(largest, x[j]);
    }
    largest = warp_max(largest);
    for (int j = first; j < length; j += warp_size) sum += x[j] = expf(x[j] - largest);
    sum = warp_sum(sum);
    for (int j = first; j < length; j += warp_size) p[j] = from_float<T>(x[j] / sum);
    if (first == 0) lse[query.row * Index{plan.heads} + head] = largest + logf(sum);
  });
}

// p = exp(x + bias - lse) and dx = p (dp - sum p dp), which may lie where x and dp do.
template <class T>
__global__ void softmax_backward_kernel(DevicePlan plan, Logits logits, float* x_of_row,
                                        float* dp_of_row, T* p_of_row, T* dx_of_row,
                                        float const* lse) {
  with_row(plan, logits, [&](Index row, Token const& query, int head) {
    T const* const tables = plan.tables_of<T>(head);
    float* const x = x_of_row + row * logits.pitch;
    float* const dp = dp_of_row + row * logits.pitch;
    T* const p = p_of_row + row * logits.pitch;
    T* const dx = dx_of_row + row * logits.pitch;
    int const first = threadIdx.x % warp_size, length = logits.sequence.length;
    float const of_row = lse[query.row * Index{plan.heads} + head];
    float mean = 0;
    for (int j = first; j < length; j += warp_size) {
      Token const key = token_of(plan, logits.sequence, j);
      x[j] = key.key ? expf(x[j] + bias_of(plan, tables, query, key) - of_row) : 0;
      mean += x[j] * dp[j];
    }
    mean = warp_sum(mean);
    for (int j = first; j < length; j += warp_size) {
      float const value = x[j], dlogit = value * (dp[j] - mean);
      add_dlogit(plan, query, token_of(plan, logits.sequence, j), 0, head, dlogit);
      p[j] = from_float<T>(value);
      dx[j] = from_float<T>(dlogit);
    }
  });
}

/// Memory for the logits of some heads at a time, in float32 and, where products need it, in T.
template <class T>
class Workspace {
 public:
  Workspace(Queue& queue, Index heads, Index longest)
      : size_(std::clamp(most_elements, pitch_of(longest) * longest,
                         pitch_of(longest) * longest * heads)),
        exact_(queue, DType::float32, {size_}) {
    if constexpr (!std::is_same_v<T, float>) rounded_ = Tensor(queue, dtype_of<T>, {size_});
  }
  /// Heads of a sequence of this length that fit.
  Index heads(Index length) const { return size_ / (pitch_of(length) * length); }
  /// Rows are 16-byte aligned in either type.
  static Index pitch_of(Index length) { return (length + 7) / 8 * 8; }

  float* exact() { return exact_.view().as<float>(); }
  T* rounded() { return (rounded_ ? rounded_ : exact_).view().template as<T>(); }
  View exact(Index length) { return {exact(), DType::float32, {length, length}, pitch_of(length)}; }
  View rounded(Index length) {
    return {rounded(), dtype_of<T>, {length, length}, pitch_of(length)};
  }

 private:
  static constexpr Index most_elements = Index{1} << 21;  // 12 MiB in both types, twice in backward
  Index size_;
  Tensor exact_, rounded_;
};

/// The rows of one sequence, for products: where they lie, or, if its segments lie apart, a copy.
class Sequence {
 public:
  Sequence(Queue& queue, AttentionTiles const& tiles, AttentionTile const& tile)
      : queue_(queue),
        segments_(tiles.segments.data() + tile.first_segment,
                  static_cast<std::size_t>(tile.segments)),
        length_(tile.length) {
    for (DeviceSegment const& segment : segments_)
      if (segment.length > 0) {
        if (segment.begin == 0) row_ = segment.row;
        consecutive_ &= segment.row == row_ + segment.begin;
      }
  }
  /// To write to.
  View rows(View matrix, Tensor& copies) const {
    if (consecutive_) return matrix.rows(row_, length_);
    copies = Tensor(queue_, matrix.dtype(), {length_, matrix.columns()});
    return copies;
  }
  ConstView gather(ConstView matrix, Tensor& copies) const {
    if (consecutive_) return matrix.rows(row_, length_);
    copies = Tensor(queue_, matrix.dtype(), {length_, matrix.columns()});
    for (DeviceSegment const& segment : segments_)
      copy(queue_, matrix.rows(segment.row, segment.length),
           copies.view().rows(segment.begin, segment.length));
    return copies;
  }
  void scatter(Tensor const& copies, View matrix) const {
    if (consecutive_) return;
    for (DeviceSegment const& segment : segments_)
      copy(queue_, copies.view().rows(segment.begin, segment.length),
           matrix.rows(segment.row, segment.length));
  }

 private:
  Queue& queue_;
  std::span<DeviceSegment const> segments_;
  Index length_, row_ = 0;
  bool consecutive_ = true;
};

/// Whole sequences, one after another.
AttentionTiles whole_sequences(AttentionPlan const& plan) {
  return attention_tiles(plan, std::numeric_limits<std::int32_t>::max(), 1);
}

Geometry geometry_of(Logits const& logits) {
  return {(logits.rows() + warps - 1) / warps, warps * warp_size, 0};
}

}  // namespace

template <class T>
void unfused_attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                               std::span<PositionBias const> bias, View out, View lse) {
  Index const width = out.columns(), head_dim = width / heads;
  AttentionTiles const tiles = whole_sequences(plan);
  UploadedPlan const uploaded(queue, tiles, plan, heads, head_dim, bias);
  Workspace<T> p(queue, heads, tiles.longest);
  for (AttentionTile const& tile : tiles.tiles) {
    Sequence const sequence(queue, tiles, tile);
    Tensor qkv_copies, out_copies;
    ConstView const in = sequence.gather(qkv, qkv_copies);
    View const result = sequence.rows(out, out_copies);
    Index const length = tile.length, most = p.heads(length);
    for (Index first = 0; first < heads; first += most) {
      Logits const logits{tile, first, std::min(most, heads - first), p.pitch_of(length)};
      auto const part = [&](int index) {
        return in.columns(index * width + first * head_dim, head_dim);
      };
      batched_gemm(queue, logits.heads, Transpose::no, part(0), head_dim, Transpose::yes, part(1),
                   head_dim, p.exact(length), logits.matrix(), 0, uploaded.device.scale);
      launch(queue, "attention_softmax", geometry_of(logits), softmax_kernel<T>, uploaded.device,
             logits, p.exact(), p.rounded(), lse.as<float>());
      batched_gemm(queue, logits.heads, Transpose::no, p.rounded(length), logits.matrix(),
                   Transpose::no, part(2), head_dim, result.columns(first * head_dim, head_dim),
                   head_dim);
    }
    sequence.scatter(out_copies, out);
  }
}

template <class T>
void unfused_attention_backward(Queue& queue, AttentionPlan const& plan, Index heads,
                                ConstView dout, ConstView qkv, ConstView lse,
                                std::span<PositionBias const> bias, View dqkv) {
  Index const width = dout.columns(), head_dim = width / heads;
  AttentionTiles const tiles = whole_sequences(plan);
  UploadedPlan uploaded(queue, tiles, plan, heads, head_dim, bias);
  TableGradients tables(queue, bias, uploaded);
  Workspace<T> p(queue, heads, tiles.longest), dlogits(queue, heads, tiles.longest);
  for (AttentionTile const& tile : tiles.tiles) {
    Sequence const sequence(queue, tiles, tile);
    Tensor qkv_copies, dout_copies, dqkv_copies;
    ConstView const in = sequence.gather(qkv, qkv_copies),
                    upstream = sequence.gather(dout, dout_copies);
    View const result = sequence.rows(dqkv, dqkv_copies);
    Index const length = tile.length, most = p.heads(length);
    for (Index first = 0; first < heads; first += most) {
      Logits const logits{tile, first, std::min(most, heads - first), p.pitch_of(length)};
      Index const column = first * head_dim, matrix = logits.matrix();
      ConstView const q = in.columns(column, head_dim), k = in.columns(width + column, head_dim),
                      v = in.columns(2 * width + column, head_dim),
                      o = upstream.columns(column, head_dim);
      double const scale = uploaded.device.scale;
      batched_gemm(queue, logits.heads, Transpose::no, q, head_dim, Transpose::yes, k, head_dim,
                   p.exact(length), matrix, 0, scale);
      batched_gemm(queue, logits.heads, Transpose::no, o, head_dim, Transpose::yes, v, head_dim,
                   dlogits.exact(length), matrix);
      launch(queue, "attention_softmax_backward", geometry_of(logits), softmax_backward_kernel<T>,
             uploaded.device, logits, p.exact(), dlogits.exact(), p.rounded(), dlogits.rounded(),
             lse.as<float>());
      batched_gemm(queue, logits.heads, Transpose::no, dlogits.rounded(length), matrix,
                   Transpose::no, k, head_dim, result.columns(column, head_dim), head_dim, 0,
                   scale);
      batched_gemm(queue, logits.heads, Transpose::yes, dlogits.rounded(length), matrix,
                   Transpose::no, q, head_dim, result.columns(width + column, head_dim), head_dim,
                   0, scale);
      batched_gemm(queue, logits.heads, Transpose::yes, p.rounded(length), matrix, Transpose::no, o,
                   head_dim, result.columns(2 * width + column, head_dim), head_dim);
    }
    sequence.scatter(dqkv_copies, dqkv);
  }
  tables.finish(queue);
}

#define ACCORD_INSTANTIATE(T)                                                                      \
  template void unfused_attention_forward<T>(Queue&, AttentionPlan const&, Index, ConstView,       \
                                             std::span<PositionBias const>, View, View);           \
  template void unfused_attention_backward<T>(Queue&, AttentionPlan const&, Index, ConstView,      \
                                              ConstView, ConstView, std::span<PositionBias const>, \
                                              View);
ACCORD_INSTANTIATE(float)
ACCORD_INSTANTIATE(BFloat16)
#undef ACCORD_INSTANTIATE

}  // namespace accord::cuda
