#pragma once

#include "core/comm/communicator.hpp"
#include "core/model/micro_step.hpp"

namespace accord {

/// The contrast terms of one step (docs/model.md 9.2): collects the embeddings of all micro-batches
/// of a replica, compares them with those of all replicas, and holds the embeddings' gradients
/// until each micro-batch's backward asks for them. Lives where the last chunk of the model is.
class BatchContrast {
 public:
  /// \param samples  of this replica. All else outlives this.
  BatchContrast(Queue& queue, Model& model, StepOptions const& options, Index samples);

  /// Keeps the embeddings of samples [begin, begin + count), which `step` has computed.
  void keep(MicroStep const& step, Index begin, Index count);
  /// \throws Error naming the modality if `step` computed other embeddings than were kept
  /// (float64: beyond 1e-13). After run() only with compare_passes.
  /// \param micro_batch  for the message
  void expect_kept(MicroStep const& step, Index begin, Index count, int micro_batch) const;

  /// Collective over the data-parallel group, ranks in the order of the global batch. Adds this
  /// replica's shares to `sums`, and to the gradients of what the terms learn. Lets go of the
  /// embeddings unless passes are compared.
  void run(Communicator& data_group, StepSums const& sums);

  /// [Modality] gradient of the embeddings of samples [begin, begin + count), after run(); empty
  /// where not contrasted.
  std::vector<ConstView> gradients(Index begin, Index count) const;
  /// Learnt scalars as used, after run(), as scalar_names() lists them. Waits for the queue.
  std::vector<double> scalars() const;

 private:
  Queue& queue_;
  Model& model_;
  StepOptions const& options_;
  BatchEmbeddings embeddings_;
  Tensor scalars_;  ///< empty where there are none
};

}  // namespace accord
