#pragma once
// Retrieval on held-out data while a run trains.

#include <vector>

#include "app/metrics.hpp"
#include "app/retrieval.hpp"

namespace accord::app {

/// What `accord eval --task retrieval` measures, of the weights as they stand, on data.validation.
/// Draws nothing and changes nothing that training reads.
class Validation {
 public:
  /// `data_ranks` share the items; it and `queue` outlive this. \throws DataError when the dataset
  /// cannot be used, or has only one of the model's modalities
  Validation(Queue& queue, Communicator& data_ranks, Config const& config,
             std::shared_ptr<io::Tokenizer const> tokenizer);

  /// Collective: of a model whose groups all embed alike, every rank.
  std::vector<RetrievalResult> run(Model const& model);

 private:
  Queue& queue_;
  Communicator& data_ranks_;
  Config config_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
  io::Dataset dataset_;
  std::vector<Modality> modalities_;
};

/// A line of validation.jsonl: `step`, and of each direction `<a>2<b>_r1`, `_r5`, `_r10` in
/// percent.
MetricsLine validation_line(std::int64_t step, ModelConfig const& model,
                            std::vector<RetrievalResult> const& results);
/// The same for the eye: "image to text R@1 12.5 %, R@5 ..."
std::string validation_text(ModelConfig const& model, std::vector<RetrievalResult> const& results);

}  // namespace accord::app
