#pragma once
// Many sequences as one matrix: rows back to back, no padding, grouped by modality, so that a
// feed-forward branch is one GEMM per modality and a joint sequence is a short list of segments.

#include <memory>
#include <vector>

#include "core/base/rng.hpp"
#include "core/model/batch.hpp"
#include "core/nn/tensor_parallel_region.hpp"
#include "core/ops/attention.hpp"

namespace accord {

/// Consecutive rows of one modality.
struct RowGroup {
  Modality modality = 0;
  Index row = 0;
  Index length = 0;
};

/// One sample in one pass.
struct PackedSequence {
  int pass = 0;
  Index sample = 0;
  std::vector<AttentionSegment> segments;  ///< by modality; length includes pads
};

/// The rows of some passes of a micro-batch. Order: modality, pass, sample, position; pads follow
/// their segment.
struct Pack {
  Index rows = 0;
  std::vector<RowGroup> groups;           ///< one per modality that occurs, ascending
  std::vector<PackedSequence> sequences;  ///< by pass, then sample
  // per row
  std::vector<std::int32_t> positions;  ///< index in the modality's whole sequence, 0 = class token
  std::vector<std::int32_t> samples;
  std::vector<std::uint8_t> real;  ///< 0: a pad, zero when it enters the stack
  bool padded = false;

  /// The segment of (pass, modality, sample). \throws Error if the pack does not hold it.
  AttentionSegment const& segment(int pass, Modality modality, Index sample) const;
  /// The rows of one modality; length 0 if it does not occur.
  RowGroup group(Modality modality) const;
};

struct PackOptions {
  bool whole = false;  ///< masked passes too have every position (the decoder's sequences)
  /// Pads each segment to the longest of its pool of this many consecutive samples; 0: no pads.
  /// Only parity with the official code and the plain reference step want it.
  Index pad_pool = 0;
};

/// \param selected  indices into `passes`, ascending
Pack build_pack(MicroBatch const& batch, std::vector<Pass> const& passes,
                std::vector<int> const& selected, PackOptions const& options);

/// The rows of a pack that take part in one residual branch of one layer, counted without gaps
/// ("compact").
struct BranchRows {
  // Inside the tensor-parallel region: all of them.
  Index count = 0;
  std::vector<RowGroup> groups;
  AttentionPlan attention;
  // Outside: those that this rank holds, counted from its first.
  RowShares shares;  ///< who holds which
  Tensor rows;       ///< int32: compact row -> row of the stream; empty: all rows
  Tensor index;      ///< int32: row of the stream -> compact row or -1; empty: itself
  Tensor row_scale;  ///< accumulator type: 1 / keep; empty: 1
  std::vector<RowGroup> own_groups;  ///< in compact rows

  Index own_count(Index stream_rows) const { return rows ? rows.size() : stream_rows; }
};

/// Stochastic depth (docs/model.md 1.8): layer l of L drops the branch of a sequence with rate * l
/// / (L - 1), one draw per (position, pass, layer, branch).
struct DropPath {
  double rate = 0;
  Index layers = 1;
  std::uint32_t seed = 0;
  /// Leave dropped branches out of the computation; otherwise they are computed and multiplied by
  /// 0.
  bool skip = true;

  double probability(Index layer) const {
    return layers > 1 ? rate * static_cast<double>(layer) / static_cast<double>(layers - 1) : 0;
  }
  /// Whether branch (0 attention, 1 FFN) of `layer` is dropped for the sample at `position` in
  /// `pass`. Integers are compared, so every device agrees.
  bool drops(std::uint64_t position, int pass, Index layer, int branch) const;
};

/// A pack with the row lists of layers [layer_begin, layer_end), on the device.
class PackPlan {
 public:
  struct Options {
    DType dtype = DType::float32;
    bool position_bias = true;  ///< upload row positions
    bool mask_pads = true;      ///< no row attends to a pad
    DropPath drop;              ///< rate 0: evaluation
    Index layer_begin = 0, layer_end = 0;
  };
  PackPlan() = default;
  /// \param region  of the layers: says which rows this rank holds outside it
  PackPlan(Queue& queue, Pack pack, MicroBatch const& batch, TensorParallelRegion const& region,
           Options const& options);

  Pack const& pack() const { return pack_; }
  /// Who holds which rows of the stream between the layers, and how many this rank does.
  RowShares const& shares() const { return shares_; }
  Index own_rows() const { return own_rows_; }
  BranchRows const& attention(Index layer) const { return *attention_[index(layer)]; }
  BranchRows const& ffn(Index layer) const { return *ffn_[index(layer)]; }

 private:
  std::size_t index(Index layer) const { return static_cast<std::size_t>(layer - layer_begin_); }
  Pack pack_;
  RowShares shares_;
  Index own_rows_ = 0;
  Index layer_begin_ = 0;
  std::vector<std::shared_ptr<BranchRows const>> attention_, ffn_;
};

}  // namespace accord
