#pragma once
// A trained model for evaluation: what `accord eval` and `accord embed` share.

#include <memory>
#include <vector>

#include "app/config.hpp"
#include "core/comm/communicator.hpp"
#include "core/eval/recall.hpp"
#include "core/model/model.hpp"
#include "io/checkpoint/load.hpp"
#include "io/shard/shard_reader.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::app {

/// The embeddings of all items of one modality of a dataset, in order.
struct Embeddings {
  Modality modality = 0;
  Index dim = 0;
  std::vector<float> values;           ///< [items * dim]
  std::vector<std::uint64_t> samples;  ///< number of the sample that owns each item

  EmbeddingSet set() const { return {values, dim, samples}; }
};

/// Model and tokenizer of a checkpoint; in float32, in evaluation mode, without decoder.
class Inference {
 public:
  /// Collective over `world`, which outlives this. `checkpoint` is a checkpoint, or a folder of
  /// which the newest is taken. \throws DataError
  Inference(Queue& queue, Communicator& world, std::filesystem::path const& checkpoint,
            io::Announce const& announce);

  Config const& config() const { return config_; }
  io::OpenCheckpoint const& checkpoint() const { return checkpoint_; }

  /// The modalities that both the dataset has and the model embeds. \throws DataError when there is
  /// none
  std::vector<Modality> modalities_of(io::Dataset const& dataset) const;

  /// Collective: each rank embeds its share, all get the whole. `progress(done, total)` tells of
  /// this rank's. \throws DataError naming the sample that is damaged: nothing is replaced, it
  /// would change what is measured
  Embeddings embed(io::Dataset const& dataset, Modality modality,
                   std::function<void(Index done, Index total)> const& progress);

 private:
  void load();

  Queue& queue_;
  Communicator& world_;
  io::OpenCheckpoint checkpoint_;
  Config config_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
  std::unique_ptr<Communicator> alone_;
  std::unique_ptr<Model> model_;
};

/// Collective. All modalities that dataset and model share, with progress on the first rank.
std::vector<Embeddings> embed_all(Inference& model, io::Dataset const& dataset, bool first_rank);

}  // namespace accord::app
