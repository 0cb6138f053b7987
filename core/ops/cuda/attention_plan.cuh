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
  std::int32_t const* bucket = nullptr;  ///< [size, size]; null: no bias
  int bucket_stride = 0;
  int size = 0;
  int first_entry = 0;       ///< of its table among those of a head
  float* dlogits = nullptr;  ///< [blocks, heads, size, size], by position; null: not wanted
};

struct DevicePlan {
  DeviceSegment const* segments;
  AttentionTile const* tiles;
  std::int32_t const* block_begin;
  std::int32_t const* positions;  ///< by row; null without bias
  std::uint8_t const* keys;       ///< by row; null: all are keys
  int heads;
  float scale;
  void const* tables;  ///< [heads, entries] of the model's type: a head's tables side by side
  int entries;
  DeviceBias bias[most_modalities];

  template <class T>
  __device__ T const* tables_of(int head) const {
    return static_cast<T const*>(tables) + static_cast<Index>(head) * entries;
  }

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
  if (segment.modality < most_modalities && plan.bias[segment.modality].bucket) {
    result.modality = segment.modality;
    result.position = plan.positions[result.row];
  }
  return result;
}

/// `tables`: those of the head.
template <class T>
__device__ inline float bias_of(DevicePlan const& plan, T const* tables, Token const& query,
                                Token const& key) {
  if (query.modality < 0 || query.modality != key.modality) return 0;
  DeviceBias const& bias = plan.bias[query.modality];
  return to_float(
      tables[bias.first_entry + bias.bucket[query.position * bias.bucket_stride + key.position]]);
}

/// Adds dlogit to the sums of this block. The rows of one sequence have positions of their own and
/// the block takes one sequence after another, so each sum has one order.
__device__ inline void add_dlogit(DevicePlan const& plan, Token const& query, Token const& key,
                                  Index block, int head, float dlogit) {
  if (query.modality < 0 || query.modality != key.modality) return;
  DeviceBias const& bias = plan.bias[query.modality];
  if (!bias.dlogits) return;
  Index const matrix = (block * plan.heads + head) * bias.size * bias.size;
  atomicAdd(&bias.dlogits[matrix + query.position * bias.size + key.position], dlogit);
}

/// A plan on the device, alive as long as kernels that use it may run: its memory goes back to the
/// queue's, whose next user comes after them.
class UploadedPlan {
 public:
  UploadedPlan(Queue& queue, AttentionTiles const& tiles, AttentionPlan const& plan, Index heads,
               Index head_dim, std::span<PositionBias const> bias);
  DevicePlan device;
  std::int64_t blocks, tiles;

 private:
  Tensor segments_, tiles_, block_begin_, tables_;
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
