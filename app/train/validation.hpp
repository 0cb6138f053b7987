#pragma once
// Retrieval on held-out data while a run trains.

#include <vector>

#include "app/eval/retrieval.hpp"
#include "app/train/training.hpp"
#include "io/run/metrics.hpp"

namespace accord::app {

/// What `accord eval --task retrieval` measures, of the weights as they stand, on data.validation.
/// Draws nothing and changes nothing that training reads.
class Validation {
 public:
  /// Both outlive this. \throws DataError when the dataset cannot be used, or has only one of the
  /// model's modalities
  Validation(Communicator& world, Training& training);

  /// Collective over the world.
  std::vector<RetrievalResult> run();

 private:
  Queue& queue_;
  Communicator& world_;
  Embedder embedder_;
  io::Dataset dataset_;
  std::vector<Modality> modalities_;
};

/// A line of validation.jsonl: `step`, and of each direction `<a>2<b>_r1`, `_r5`, `_r10` in
/// percent.
io::MetricsLine validation_line(std::int64_t step, ModelConfig const& model,
                                std::vector<RetrievalResult> const& results);
/// The same for the eye: "image to text R@1 12.5 %, R@5 ..."
std::string validation_text(ModelConfig const& model, std::vector<RetrievalResult> const& results);

}  // namespace accord::app
