#include "core/eval/classification.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/check.hpp"

namespace accord {
namespace {

std::span<double const> row(std::span<double const> values, std::size_t i, std::size_t columns) {
  return values.subspan(i * columns, columns);
}

}  // namespace

Index predicted_class(std::span<double const> scores) {
  for (double const score : scores)
    if (!std::isfinite(score)) throw DataError("a class's score is not finite: the model diverged");
  if (scores.empty()) throw DataError("there is no class to choose");
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

double accuracy(std::span<double const> scores, std::span<std::int64_t const> labels) {
  if (labels.empty()) return 0;
  std::size_t const classes = scores.size() / labels.size();
  Index correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    correct += predicted_class(row(scores, i, classes)) == labels[i];
  return static_cast<double>(correct) / static_cast<double>(labels.size());
}

double soft_accuracy(std::span<double const> scores, std::span<double const> targets,
                     Index classes) {
  ACCORD_CHECK(scores.size() == targets.size() && classes > 0, "{} scores, {} targets",
               scores.size(), targets.size());
  auto const columns = static_cast<std::size_t>(classes);
  std::size_t const samples = scores.size() / columns;
  double sum = 0;
  for (std::size_t i = 0; i < samples; ++i)
    sum += row(targets, i,
               columns)[static_cast<std::size_t>(predicted_class(row(scores, i, columns)))];
  return samples > 0 ? sum / static_cast<double>(samples) : 0;
}

double average_precision(std::span<double const> scores, std::span<std::uint8_t const> positive) {
  ACCORD_CHECK(scores.size() == positive.size(), "{} scores, {} targets", scores.size(),
               positive.size());
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  double const all = static_cast<double>(std::count(positive.begin(), positive.end(), 1));
  double sum = 0, recall = 0;
  Index found = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    found += positive[order[i]];
    bool const threshold = i + 1 == order.size() || scores[order[i + 1]] < scores[order[i]];
    if (!threshold || all == 0) continue;
    double const now = static_cast<double>(found) / all;
    sum += (now - recall) * static_cast<double>(found) / static_cast<double>(i + 1);
    recall = now;
  }
  return sum;
}

double mean_average_precision(std::span<double const> scores, std::span<std::uint8_t const> targets,
                              Index classes) {
  ACCORD_CHECK(scores.size() == targets.size() && classes > 0, "{} scores, {} targets",
               scores.size(), targets.size());
  auto const columns = static_cast<std::size_t>(classes);
  std::size_t const samples = scores.size() / columns;
  double sum = 0;
  for (std::size_t c = 0; c < columns; ++c) {
    std::vector<double> of_class;
    std::vector<std::uint8_t> positive;
    for (std::size_t i = 0; i < samples; ++i) {
      of_class.push_back(scores[i * columns + c]);
      positive.push_back(targets[i * columns + c]);
    }
    sum += average_precision(of_class, positive);
  }
  return sum / static_cast<double>(classes);
}

}  // namespace accord
