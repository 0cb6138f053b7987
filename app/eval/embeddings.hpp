#pragma once
// Embeddings of a dataset's items by a model at hand, however its layers are shared out.

#include <filesystem>
#include <functional>
#include <vector>

#include "app/config/config.hpp"
#include "core/eval/recall.hpp"
#include "io/shard/shard_reader.hpp"
#include "io/text/tokenizer.hpp"
#include "parallel/pipeline/evaluation.hpp"

namespace accord::app {

/// The embeddings of all items of one modality of a dataset, in order.
struct Embeddings {
  Modality modality = 0;
  Index dim = 0;
  std::vector<float> values;           ///< [items * dim]
  std::vector<std::uint64_t> samples;  ///< number of the sample that owns each item

  EmbeddingSet set() const { return {values, dim, samples}; }
};

/// The modalities that both the dataset has and the model embeds. \throws DataError when there is
/// none
std::vector<Modality> embedded_modalities(ModelConfig const& model, io::Dataset const& dataset);

/// Opens a dataset that all ranks evaluate together. Collective over `world`. \throws DataError;
/// UsageError on every rank when their copies differ
io::Dataset open_agreed(Queue& queue, Communicator& world, std::filesystem::path const& path);

/// Embeds whole datasets by a model, in evaluation mode: each replica its share of the items.
class Embedder {
 public:
  /// All but the tokenizer outlive this. \param groups  of `world`, and of the model's layout
  Embedder(Queue& queue, Communicator& world, parallel::MeshGroups& groups, Model const& model,
           Config const& config, std::shared_ptr<io::Tokenizer const> tokenizer);

  // Collective over the world; the dataset is open_agreed(), and all ranks get the whole.
  // `progress(done, total)` tells of this replica's share, on the rank that reads it. \throws
  // DataError naming the sample that is damaged: nothing is replaced, it would change what is
  // measured
  Embeddings embed(io::Dataset const& dataset, Modality modality,
                   std::function<void(Index done, Index total)> const& progress);
  /// Likewise the logits of the model's classification head, where it reads a single modality:
  /// dim = classes. \throws DataError where it reads several, or the dataset lacks what it reads
  Embeddings classify(io::Dataset const& dataset,
                      std::function<void(Index done, Index total)> const& progress);

 private:
  /// What `rows_of` makes of every item of one modality: [items of a batch, dim] of each batch.
  Embeddings rows_of_items(
      io::Dataset const& dataset, Modality modality, Index dim,
      std::function<std::vector<Tensor>(std::vector<MicroBatch> const&)> const& rows_of,
      std::function<void(Index done, Index total)> const& progress);

  Queue& queue_;
  Communicator& world_;
  parallel::MeshGroups& groups_;
  parallel::Evaluation evaluation_;
  Config const& config_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
};

}  // namespace accord::app
