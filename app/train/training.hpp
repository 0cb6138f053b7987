#pragma once
// What one rank holds while it trains, and one optimizer step of it. `accord train` is a loop
// around this.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/checkpoint/tensors.hpp"
#include "app/config/config.hpp"
#include "core/optim/schedule.hpp"
#include "io/checkpoint/carried.hpp"
#include "io/checkpoint/load.hpp"
#include "io/checkpoint/retention.hpp"
#include "io/loader/loader.hpp"
#include "parallel/train/trainer.hpp"

namespace accord::app {

/// The figures of one step, over the global batch; the same on all ranks except where said.
struct StepReport {
  Index step = 0;           ///< steps completed, this one included
  std::uint64_t epoch = 0;  ///< epochs completed before this step
  double loss = 0;
  std::vector<double> terms;     ///< [objective] unweighted
  std::vector<double> accuracy;  ///< parts of the global batch, as count_names() lists them
  std::vector<double> scalars;   ///< as scalar_names() lists them
  double grad_norm = 0;          ///< before clipping
  double learning_rate = 0;
  double data_wait_seconds = 0;  ///< of this rank, if it reads
  double model_flops = 0;        ///< this rank's part: real tokens, every branch, nothing twice
  double executed_flops = 0;     ///< of this rank: what ran
  bool left_out = false;         ///< not finite, and nothing was changed (train.nonfinite = "skip")
  std::string trouble;           ///< what was not finite, for people; empty: nothing
  double timing_seconds = 0;     ///< before the step, in which algorithms were timed
};

/// What [train], [optimizer] and [parallel] say, for the parameters of a store.
parallel::TrainerOptions trainer_options(Config const& config, ParameterStore const& store);

/// The keys that make an optimizer step need less memory (Memory::set_advice()).
inline constexpr char const* memory_advice =
    "activations need less with a smaller train.micro_batch or train.recompute = \"layer\", "
    "weights, "
    "gradients and optimizer with a larger parallel.tensor or parallel.pipeline, the optimizer "
    "also "
    "with parallel.zero = 1 on more ranks";

class Training {
 public:
  /// Collective over `world`, which outlives this. Makes the model with its initial weights.
  /// `config` is changed only in the rows of its token tables, which become the tokenizer's, and in
  /// the classes of a classification, which become the data's.
  /// \throws UsageError when this many ranks cannot run it, or it asks for what is not available
  /// yet
  Training(Queue& queue, parallel::GroupCommunicator& world, Config config,
           std::shared_ptr<io::Tokenizer const> tokenizer);

  /// Collective. Takes weights, moments, step and data position from the newest good checkpoint of
  /// checkpoint.directory; empty if there is none. What it learns of checkpoints on rank 0 it tells
  /// `retention`. \param allowed  keys that may change on request; rank 0's count
  /// \throws UsageError naming keys that differ from the checkpoint's and must not, DataError when
  /// there are checkpoints but none is good
  std::optional<io::OpenCheckpoint> resume(io::Announce const& announce,
                                           std::vector<std::string> const& allowed = {},
                                           io::Retention* retention = nullptr);
  /// Collective. Takes the weights alone, logit_scale not, from a checkpoint, of a folder of them
  /// the newest good one; position tables of a
  /// smaller grid, or of all layers, become this model's (inherited_tables.hpp), parts that it has
  /// not at all keep their initial values, those it has no use for are passed on to the checkpoints
  /// saved. \throws DataError if a part is there but not whole
  io::OpenCheckpoint initialise_from(std::filesystem::path const& checkpoint,
                                     io::Announce const& announce);
  /// Collective, after one of these or none. On cuda: the algorithms of matrix products are those
  /// of the checkpoint, where it was saved in this layout; else the first step begins with timing
  /// those that checkpoint.directory does not hold yet. Changes of device or library are announced.
  void open_algorithms(std::optional<io::OpenCheckpoint> const& resumed,
                       io::Announce const& announce);
  /// Collective. Opens the data where resume() left them, or at the start, and passes over as many
  /// batches as data.skip_steps has grown by, and `more`. Call before the first step, and after
  /// resume().
  void open_data(Index more = 0);

  /// Collective: the next step. Where the gradient is not finite nothing but the number of the step
  /// is changed, if train.nonfinite is "skip". \throws Diverged if it is not, or too often; then
  /// nothing is changed at all
  StepReport step();

  /// Collective, after the last step: no later one would show what that has made of the weights.
  /// \throws Diverged where the loss or a gradient of its own batch is not finite with them
  void require_sound_end();

  /// Collective: saves and returns the checkpoint's folder, when it is durable. Which older ones
  /// stay `retention` says, or checkpoint.keep. \throws Diverged if a weight or moment is not
  /// finite
  std::filesystem::path save(io::Announce const& announce, io::Retention* retention = nullptr);

  Config const& config() const { return config_; }
  std::shared_ptr<io::Tokenizer const> const& tokenizer() const { return tokenizer_; }
  parallel::MeshShape const& mesh() const { return mesh_; }
  /// Rank 0's, of the run: empty where it resumes a checkpoint from before there were any.
  std::string const& run_id() const { return run_id_; }
  Schedule const& schedule() const { return schedule_; }  ///< known after open_data()
  Index completed() const { return trainer_->optimizer().completed(); }
  /// Of train.epochs: what they were when the run began.
  Index total_steps() const { return schedule_.steps; }               ///< known after open_data()
  std::uint64_t steps_per_epoch() const { return steps_per_epoch_; }  ///< likewise
  /// Batches of the order before the next step that were no step's; rank 0's.
  Index passed_over() const;
  /// Collective. Samples that could not be read and were replaced, on all ranks, since the start of
  /// the run.
  Index skipped_samples();
  /// Collective. Those of them that this has not returned before, by position, on rank 0; nothing
  /// on the others.
  std::vector<io::SkippedSample> take_skipped();

  /// Of the whole model.
  std::vector<ParameterSpec> const& parameters() const { return parameters_; }

  Queue& queue() { return queue_; }
  Model& model() { return *model_; }
  parallel::MeshGroups& groups() { return groups_; }
  parallel::ShardedOptimizer& optimizer() { return trainer_->optimizer(); }

 private:
  void inherit(io::OpenCheckpoint const& checkpoint, io::Announce const& announce);
  std::vector<MicroBatch> next_batch(StepReport& report);
  void time_algorithms(std::vector<MicroBatch> const& batch);
  CheckpointTensors checkpoint_tensors(Moments moments);
  io::RunState run_state();
  void leave_out(StepReport& report, std::vector<MicroBatch> const& batch);
  std::string first_bad_gradient();
  void require_finite(std::vector<io::TensorInfo> const& infos,
                      std::vector<io::ConstPiece> const& pieces);

  Queue& queue_;
  parallel::GroupCommunicator& world_;
  Config config_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
  parallel::MeshShape mesh_;
  std::unique_ptr<parallel::GroupCommunicator> devices_;  ///< null where the queue is the host's
  parallel::MeshGroups groups_;
  std::vector<ParameterSpec> parameters_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<parallel::Trainer> trainer_;
  std::unique_ptr<io::Loader> loader_;  ///< on the first rank of a replica alone: it reads
  bool algorithms_to_time_ = false;
  std::uint64_t steps_per_epoch_ = 0;
  std::optional<io::OrderState> data_start_;
  std::optional<Index> total_steps_before_;  ///< of the run this one resumes, for the same epochs
  Schedule schedule_;
  std::optional<io::CarriedTensors> carried_;  ///< rank 0's
  std::string carried_configuration_;          ///< that of their modalities, likewise
  Index skip_steps_before_ = 0;                ///< data.skip_steps of the checkpoint
  Index left_out_in_a_row_ = 0;
  std::vector<MicroBatch> last_batch_;  ///< of the run, once it is done
  std::string run_id_;
  std::vector<io::RunChange> history_;  ///< rank 0's
  Index skipped_before_ = 0;            ///< by the runs this one resumes
  std::size_t skips_taken_ = 0;         ///< of this rank's
};

}  // namespace accord::app
