#pragma once
// What a kind of [[objective]] is: its part of a step, and what it asks of model and data. Kinds
// live in core/objective; nothing but their registry knows which there are.

#include <memory>
#include <span>

#include "core/comm/communicator.hpp"
#include "core/model/decoder.hpp"
#include "core/model/encoder.hpp"
#include "core/model/step_options.hpp"
#include "core/model/step_sizes.hpp"

namespace accord {

/// One objective of a kind, and where a step adds up its figures.
struct Term {
  ObjectiveConfig const* objective;
  Index index;        ///< among all objectives: of its loss
  Index first_count;  ///< of its counts, among those of all objectives
};

/// Where a step adds up its figures (accumulator type), each share already divided by what is
/// global.
struct StepSums {
  View losses;  ///< [objectives] unweighted
  View counts;  ///< as count_names() lists them

  View loss_of(Term const& term) const { return losses.rows(term.index, 1); }
  View count_of(Term const& term, Index i) const { return counts.rows(term.first_count + i, 1); }
};

/// A micro-batch at the end of the model: both packs and, after the forward, their features.
struct LossInput {
  MicroBatch const& batch;
  Encoder::State const& encoder;
  StepOptions const& options;
};

/// All terms of one kind that need no more than a micro-batch. Holds their parameters; a
/// micro-batch holds its activations.
class MicroBatchObjective {
 public:
  /// What is decided and kept for one micro-batch. Each kind derives its own.
  struct Saved {
    virtual ~Saved() = default;
  };

  virtual ~MicroBatchObjective() = default;
  /// Before the forward: which rows are read, and for what.
  virtual std::unique_ptr<Saved> plan(Queue& queue, LossInput const& input) const = 0;
  /// After the forward: losses, and their gradients at once. Adds this micro-batch's shares to
  /// `sums`, weight x gradient to dfeatures [R, d] of the pack with gradient and to those of its
  /// parameters.
  virtual void run(Queue& queue, LossInput const& input, Saved& saved, StepSums const& sums,
                   View dfeatures) const = 0;
  /// Of a labelled kind: what its head says of each sample, from the features of its one pass.
  /// features [R, d] of `pack`   \returns [samples, classes]
  virtual Tensor answers(Queue& queue, Pack const& pack, ConstView features, Index samples) const;
};

/// What a replica's samples bring to the terms over the global batch, and take home.
struct BatchEmbeddings {
  std::vector<Tensor> z;   ///< [Modality] [samples, d], unit length; empty where not contrasted
  std::vector<Tensor> dz;  ///< their gradients (accumulator type); empty where it does not train
};

/// All terms of one kind that need the embeddings of the whole global batch (docs/model.md 9.2).
class BatchObjective {
 public:
  virtual ~BatchObjective() = default;
  /// Collective over the data-parallel group, ranks in the order of the global batch. Adds this
  /// replica's shares to `sums`, weight x gradient to dz and to those of its parameters.
  /// \param scalars  overwritten with the kind's scalars as used (accumulator type)
  virtual void run(Queue& queue, Communicator& data_group, StepOptions const& options,
                   BatchEmbeddings& embeddings, StepSums const& sums, View scalars) const = 0;
};

/// What the terms of one kind are built from. All of it outlives them.
struct ObjectiveContext {
  ParameterScope scope;  ///< of the whole model
  ModelConfig const& config;
  std::vector<Pass> const& passes;
  std::vector<Term> terms;  ///< of this kind
  Decoder const* decoder;   ///< null where nothing decodes
};

/// One kind, for [[objective]] kind = "<name>".
struct ObjectiveFamily {
  char const* name;
  char const* summary;  ///< for the reference of keys

  // What it asks of the model and of the data.
  bool embeds = false;    ///< compares embeddings over the global batch: needs projections
  bool decodes = false;   ///< predicts masked tokens: needs the decoder, and samples in whole pools
  bool labelled = false;  ///< learns from labels, and answers for samples without
  bool by_default =
      false;  ///< its parameters belong to a model that neither embeds nor is labelled

  /// \throws UsageError naming the key that cannot be. What all kinds ask is checked before.
  void (*check)(ObjectiveConfig const&, ModelConfig const&);
  /// The passes it reads, in any order.
  std::vector<Pass> (*passes)(ObjectiveConfig const&, ModelConfig const&);
  /// Metrics of what it counts; of each the part of the global batch is reported.
  std::vector<std::string> (*counts)(ObjectiveConfig const&, ModelConfig const&);
  /// Metrics of the learnt scalars that its terms over the batch share.
  std::span<char const* const> scalars = {};
  /// Floating-point operations of a micro-batch behind the features, as model_flops() counts them.
  double (*flops)(ObjectiveConfig const&, StepSizes const&);

  // One of the two.
  std::unique_ptr<MicroBatchObjective> (*make)(ObjectiveContext const&) = nullptr;
  std::unique_ptr<BatchObjective> (*make_over_batch)(ObjectiveContext const&) = nullptr;
};

// core/objective/registry.cpp
/// All kinds, in the order in which a step works through them and a model holds their parameters.
std::span<ObjectiveFamily const* const> objective_families();
/// \throws UsageError naming the known kinds.
ObjectiveFamily const& objective_family(std::string const& kind);

/// Index of the first objective whose kind asks for something (a member of ObjectiveFamily), -1
/// when there is none.
int find_objective(ModelConfig const& config, bool ObjectiveFamily::*asks);
inline bool has_objective(ModelConfig const& config, bool ObjectiveFamily::*asks) {
  return find_objective(config, asks) >= 0;
}
/// Whether a model has projections: all have but one whose heads all read labels, as in the
/// official code.
bool embeds(ModelConfig const& config);
/// Whether it has the parameters of a kind.
bool holds(ModelConfig const& config, ObjectiveFamily const& family);

std::vector<Term> terms_of(ModelConfig const& config, ObjectiveFamily const& family);
/// Metrics of all counts, by objective.
std::vector<std::string> count_names(ModelConfig const& config);
/// Metrics of all scalars, by kind that the model holds; where two kinds agree on a name, the
/// second's has its kind before it.
std::vector<std::string> scalar_names(ModelConfig const& config);

}  // namespace accord
