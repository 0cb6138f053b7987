#pragma once

#include <initializer_list>

#include "core/model/batch.hpp"

namespace accord {

/// A micro-batch by what floating-point operations are counted by: how many tokens of each kind.
class StepSizes {
 public:
  /// \param global_batch  candidates of what is compared over the global batch. All else outlives
  /// this.
  StepSizes(ModelConfig const& config, std::vector<Pass> const& passes, MicroBatch const& batch,
            Index global_batch)
      : config_(config), passes_(passes), batch_(batch), global_batch_(global_batch) {}

  ModelConfig const& config() const { return config_; }
  std::vector<Pass> const& passes() const { return passes_; }
  Pass const& pass(int i) const { return passes_[static_cast<std::size_t>(i)]; }
  MicroBatch const& batch() const { return batch_; }
  Index samples() const { return batch_.samples(); }
  Index global_batch() const { return global_batch_; }

  /// Tokens of a sample, class token included.
  Index length(Modality m, Index sample) const {
    return batch_.lengths[m.index()][static_cast<std::size_t>(sample)];
  }
  /// Masked tokens of a segment of a masked pass.
  Index hidden(int pass, std::size_t segment, Index sample) const;
  /// Tokens by segment of a pass: all, and those that the encoder sees.
  std::vector<Index> whole(int pass, Index sample) const;
  std::vector<Index> kept(int pass, Index sample) const;

  /// How often the products of a part are computed: forward, and where a gradient comes back for
  /// that of the input and, if it trains, of the weights.
  /// \param part  components that the names of its parameters begin with
  double ways(std::initializer_list<std::string> part, bool gradient) const;

 private:
  ModelConfig const& config_;
  std::vector<Pass> const& passes_;
  MicroBatch const& batch_;
  Index global_batch_;
};

}  // namespace accord
