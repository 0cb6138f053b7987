#pragma once

#include <vector>

#include "parallel/data/adamw_update.hpp"
#include "parallel/data/gradient_norm.hpp"
#include "parallel/data/gradient_reducer.hpp"
#include "parallel/data/logical_pieces.hpp"

namespace accord::parallel {

/// Where optimizer state lies. The update is the same, bit by bit.
enum class Zero : std::uint8_t {
  replicated,  ///< ZeRO 0: every rank holds all moments, gradients are gathered
  sharded,     ///< ZeRO 1: each rank holds those of its owned ranges, parameters are gathered
};

struct StepResult {
  double grad_norm = 0;  ///< L2 norm of the whole gradient, before clipping; the same on all ranks
  double clip_coefficient = 1;
  bool finite = true;  ///< false: the norm is NaN or Inf, and nothing was changed
};

/// Clips (GradientNorm), updates (AdamwUpdate) the weights of the store or their Masters, and makes
/// whole on each rank what it needs whole.
class ShardedOptimizer {
 public:
  /// All arguments outlive the optimizer.
  ShardedOptimizer(Queue& queue, ParameterStore& store, MeshGroups& groups,
                   Ownership const& ownership, AdamwOptions options, Zero zero);

  /// Collective over the world, after reducer.finish(). Ends with the parameters whole on all
  /// ranks.
  StepResult step(Queue& queue, GradientReducer& reducer, double learning_rate);

  /// Updates made so far: the step number of the bias correction. Set when a checkpoint is loaded.
  Index completed() const { return completed_; }
  void set_completed(Index completed) { completed_ = completed; }

  /// What a checkpoint holds: weights, then the states of the update.
  static std::vector<TensorKind> kinds();
  /// This rank's owned pieces, in flat order; of frozen parameters there are weights only. Weights
  /// are the masters. Gradients are those of the last finish(), not clipped.
  /// \throws Error for a kind that is none of kinds() and not the gradient.
  std::vector<LogicalPiece> pieces(TensorKind kind, Copies copies);
  /// Collective over the data-parallel group, after pieces(kind, Copies::all) of all kinds() were
  /// filled from a checkpoint: makes whole what each rank needs whole.
  void spread_loaded(Queue& queue);

 private:
  void gather_values(Queue& queue, std::vector<Bucket> const& buckets);

  ParameterStore& store_;
  MeshGroups& groups_;
  Ownership const& ownership_;
  double clip_norm_;
  Zero zero_;
  GradientNorm norm_;
  Masters masters_;
  AdamwUpdate update_;
  Index completed_ = 0;
};

}  // namespace accord::parallel
