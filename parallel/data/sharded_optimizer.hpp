#pragma once

#include <vector>

#include "core/optim/adamw.hpp"
#include "parallel/data/gradient_reducer.hpp"

namespace accord::parallel {

/// What the optimizer knows about a parameter; the first three are what a checkpoint holds.
enum class TensorKind : std::uint8_t { weight, exp_avg, exp_avg_sq, gradient };

/// A run of elements of a logical tensor in this rank's memory.
struct LogicalPiece {
  int parameter = 0;
  Index logical_begin = 0;  ///< element index within the whole tensor, row-major
  View values;              ///< [count]
};

/// Which copies of what tensor- and pipeline-parallel ranks replicate.
enum class Copies : std::uint8_t {
  primary,  ///< each element once over the whole world: to save
  all,      ///< this rank's copy whoever else has one: to load
};

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

/// Clips and applies AdamW to the parameters of the store, and keeps its moments. In float64 and
/// float32 the store's values are the master weights. A bfloat16 store holds working weights: here
/// are their float32 masters, of what this rank updates and of its owned part of what is frozen,
/// and every update ends with the masters rounded into the store.
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

  /// This rank's owned pieces, in flat order; of frozen parameters there are weights only. Weights
  /// are the masters. Gradients are those of the last finish(), not clipped.
  std::vector<LogicalPiece> pieces(TensorKind kind, Copies copies);
  /// Collective over the data-parallel group, after pieces(kind, Copies::all) of weights and
  /// moments were filled from a checkpoint: makes whole what each rank needs whole.
  void spread_loaded(Queue& queue);

 private:
  double gradient_norm(Queue& queue);
  void update(Queue& queue, double learning_rate, double gradient_scale);
  void gather_values(Queue& queue, std::vector<Bucket> const& buckets);
  View state(Tensor& values, FlatRange const& range);
  View master(FlatRange const& range);
  void round_masters(Queue& queue);

  ParameterStore& store_;
  MeshGroups& groups_;
  Ownership const& ownership_;
  AdamwOptions options_;
  Zero zero_;
  struct Held {
    FlatRange range;    ///< flat elements whose state is here
    Index state_begin;  ///< where they begin in exp_avg_, exp_avg_sq_ and masters_
  };
  std::vector<Held> held_;    ///< by descending flat position, as buckets are
  std::vector<Held> frozen_;  ///< masters of owned frozen parameters, likewise
  std::vector<UpdateRange> updates_;
  std::vector<FlatRange> counted_;  ///< what this rank adds to the norm
  Tensor exp_avg_, exp_avg_sq_;
  Tensor masters_;  ///< empty when the store's values are the masters
  Index completed_ = 0;
};

}  // namespace accord::parallel
