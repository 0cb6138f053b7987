#pragma once
// Classification of a dataset's pictures or sounds.

#include <string>
#include <vector>

#include "app/config/classes.hpp"
#include "app/eval/inference.hpp"

namespace accord::app {

/// Items of one modality with a score for each class.
struct ClassScores {
  Modality modality = 0;
  Index classes = 0;
  std::vector<double> values;          ///< [items * classes]
  std::vector<std::uint64_t> samples;  ///< number of the sample that owns each item
};

/// Zero-shot: a class is the mean over `templates` of the normalised embeddings of its name put in
/// place of "{}", normalised again; its score is the similarity (as in recall.hpp) to the item's
/// embedding.
ClassScores zero_shot_scores(Inference& model, Modality text, Embeddings const& items,
                             std::vector<std::string> const& classes,
                             std::vector<std::string> const& templates);

/// By the model's own head.
ClassScores head_scores(Embeddings const& logits);

/// What `--templates` says: the lines of a file, or one template; where it says nothing, the usual
/// one (AdapterFamily::prompt). \throws UsageError for one without "{}"
std::vector<std::string> prompt_templates(std::string const& given, std::string const& usual);

struct ClassificationResult {
  double accuracy = 0;  ///< of several classes per sample: that the prediction is one of them
  double mean_average_precision = 0;  ///< only of several classes per sample
  bool multi_hot = false;
  Index count = 0;  ///< items
};
ClassificationResult classify(ClassScores const& scores, Labels const& labels);

}  // namespace accord::app
