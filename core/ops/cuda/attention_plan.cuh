#pragma once
// What the attention kernels share: the plan and the biases as the device sees them, and the sums
// of the tables' gradients.

#include <optional>

#include "core/ops/cuda/attention_tiles.hpp"
#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {

inline constexpr int most_modalities = 8;

/// The bias of one modality, and where the gradient of its logits is summed.
struct DeviceBias {
  void const* table = nullptr;  ///< [buckets, heads] of the model's type; null: no bias
  Index table_stride = 0;
  std::int32_t const* bucket = nullptr;  ///< [size, size]
  Index bucket_stride = 0;
  Index size = 0;
  float* dlogits = nullptr;  ///< [blocks, heads, size, size], by position; null: not wanted
};

struct DevicePlan {
  DeviceSegment const* segments;
  AttentionTile const* tiles;
  std::int32_t const* block_begin;
  std::int32_t const* positions;  ///< by row; null without bias
  std::uint8_t const* keys;       ///< by row; null: all are keys
  Index heads, head_dim;
  float scale;
  DeviceBias bias[most_modalities];

  __device__ DeviceSegment const& segment_of(AttentionTile const& tile, int token) const {
    int s = tile.first_segment;
    while (token >= segments[s].begin + segments[s].length) ++s;
    return segments[s];
  }
};

/// Where a token of a sequence lies.
struct Token {
  int row = 0;
  int position = 0;
  int modality = -1;  ///< -1: its modality has no bias
  bool key = false;   ///< tokens attend to it
};
__device__ inline Token token_of(DevicePlan const& plan, AttentionTile const& tile, int token) {
  if (token >= tile.length) return {};
  DeviceSegment const& segment = plan.segment_of(tile, token);
  Token result;
  result.row = segment.row + token - segment.begin;
  result.key = !plan.keys || plan.keys[result.row] != 0;
  if (segment.modality < most_modalities && plan.bias[segment.modality].table) {
    result.modality = segment.modality;
    result.position = plan.positions[result.row];
  }
  return result;
}

template <class T>
__device__ inline float bias_of(DevicePlan const& plan, Token const& query, Token const& key,
                                Index head) {
  if (query.modality < 0 || query.modality != key.modality) return 0;
  DeviceBias const& bias = plan.bias[query.modality];
  Index const bucket = bias.bucket[query.position * bias.bucket_stride + key.position];
  return to_float(static_cast<T const*>(bias.table)[bucket * bias.table_stride + head]);
}

/// Adds dlogit to the sums of this block. The rows of one sequence have positions of their own and
/// the block takes one sequence after another, so each sum has one order.
__device__ inline void add_dlogit(DevicePlan const& plan, Token const& query, Token const& key,
                                  Index block, Index head, float dlogit) {
  if (query.modality < 0 || query.modality != key.modality) return;
  DeviceBias const& bias = plan.bias[query.modality];
  if (!bias.dlogits) return;
  Index const row = (block * plan.heads + head) * bias.size + query.position;
  atomicAdd(&bias.dlogits[row * bias.size + key.position], dlogit);
}

/// A plan on the device, alive as long as kernels that use it may run: its memory goes back to the
/// queue's, whose next user comes after them.
class UploadedPlan {
 public:
  UploadedPlan(Queue& queue, AttentionTiles const& tiles, AttentionPlan const& plan, Index heads,
               Index head_dim, std::span<PositionBias const> bias);
  DevicePlan device;
  std::int64_t blocks = 0;
  std::int32_t longest = 0;

 private:
  Tensor segments_, tiles_, block_begin_;
};

/// Room for the sums of dlogit by block, and their way into the tables.
class TableGradients {
 public:
  /// How many blocks may keep sums of their own.
  static std::int64_t most_blocks(Index heads, std::span<PositionBias const> bias);
  /// Zeroes the room of every wanted table and names it in `plan`.
  TableGradients(Queue& queue, std::span<PositionBias const> bias, UploadedPlan& plan);
  /// Adds to each dtable, behind the kernel that filled the sums.
  void finish(Queue& queue);

 private:
  struct Sums {
    PositionBias bias;
    Tensor dlogits;
  };
  std::vector<Sums> sums_;
};

}  // namespace accord::cuda
