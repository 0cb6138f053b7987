#include "app/eval/classification.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/base/error.hpp"
#include "core/eval/classification.hpp"

namespace accord::app {
namespace {

std::string filled(std::string const& prompt, std::string const& name) {
  std::string text = prompt;
  return text.replace(text.find("{}"), 2, name);
}

/// [classes * dim]
std::vector<float> class_embeddings(Inference& model, Modality text, Index dim,
                                    std::vector<std::string> const& classes,
                                    std::vector<std::string> const& templates) {
  std::vector<std::string> prompts;
  for (std::string const& name : classes)
    for (std::string const& prompt : templates) prompts.push_back(filled(prompt, name));
  std::vector<float> const embedded = model.embed_texts(text, prompts);
  auto const width = static_cast<std::size_t>(dim);
  std::vector<float> result;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    std::vector<double> sum(width, 0.0);
    for (std::size_t t = 0; t < templates.size(); ++t)
      for (std::size_t d = 0; d < width; ++d)
        sum[d] += embedded[(c * templates.size() + t) * width + d];
    double squares = 0;
    for (double const x : sum) squares += x * x;
    for (double const x : sum) result.push_back(static_cast<float>(x / std::sqrt(squares)));
  }
  return result;
}

}  // namespace

ClassScores zero_shot_scores(Inference& model, Modality text, Embeddings const& items,
                             std::vector<std::string> const& classes,
                             std::vector<std::string> const& templates) {
  std::vector<float> const class_of = class_embeddings(model, text, items.dim, classes, templates);
  ClassScores scores{items.modality, static_cast<Index>(classes.size()), {}, items.samples};
  auto const width = static_cast<std::size_t>(items.dim);
  for (std::size_t i = 0; i < items.samples.size(); ++i)
    for (std::size_t c = 0; c < classes.size(); ++c) {
      double similarity = 0;
      for (std::size_t d = 0; d < width; ++d)
        similarity += double{items.values[i * width + d]} * double{class_of[c * width + d]};
      scores.values.push_back(similarity);
    }
  return scores;
}

ClassScores head_scores(Embeddings const& logits) {
  return {
      logits.modality, logits.dim, {logits.values.begin(), logits.values.end()}, logits.samples};
}

std::vector<std::string> prompt_templates(std::string const& given, std::string const& usual) {
  if (given.empty()) return {usual};
  std::vector<std::string> templates =
      std::filesystem::is_regular_file(given) ? read_lines(given) : std::vector{given};
  for (std::string const& prompt : templates)
    if (prompt.find("{}") == std::string::npos)
      throw UsageError(fmt::format(
          "--templates: \"{}\" has no {{}} where the name of a class goes, and is no file",
          prompt));
  return templates;
}

ClassificationResult classify(ClassScores const& scores, Labels const& labels) {
  ClassificationResult result;
  result.count = static_cast<Index>(scores.samples.size());
  result.multi_hot = labels.single.empty();
  if (!result.multi_hot) {
    std::vector<std::int64_t> of_items;
    for (std::uint64_t const sample : scores.samples) of_items.push_back(labels.single[sample]);
    result.accuracy = accuracy(scores.values, of_items);
    return result;
  }
  std::vector<std::uint8_t> targets;
  for (std::uint64_t const sample : scores.samples) {
    auto const of_sample =
        labels.multi_hot.begin() + static_cast<std::ptrdiff_t>(sample) * scores.classes;
    targets.insert(targets.end(), of_sample, of_sample + scores.classes);
  }
  std::vector<double> const truth(targets.begin(), targets.end());
  result.accuracy = soft_accuracy(scores.values, truth, scores.classes);
  result.mean_average_precision = mean_average_precision(scores.values, targets, scores.classes);
  return result;
}

}  // namespace accord::app
