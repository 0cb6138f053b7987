#pragma once
// How well scores of classes agree with what samples are (docs/model.md 5.4). Scores may be logits
// or similarities: only their order counts.

#include <cstdint>
#include <span>

#include "core/base/dtype.hpp"

namespace accord {

/// Index of the largest score; of equal ones the smallest index, as in recall.hpp.
/// \throws DataError if a score is not finite, or there is none
Index predicted_class(std::span<double const> scores);

/// Part of the samples whose prediction is their class: a fraction of 1, 0 without samples.
/// scores [samples * classes]   labels [samples], each in [0, classes)
double accuracy(std::span<double const> scores, std::span<std::int64_t const> labels);
/// With a degree of truth for every class (visual question answering): the mean over samples of
/// the predicted class's.   scores, targets [samples * classes]
double soft_accuracy(std::span<double const> scores, std::span<double const> targets,
                     Index classes);

/// Step-wise, without interpolation: the sum over thresholds of (recall - recall at the threshold
/// above) x precision, thresholds being the distinct scores, so that equal scores count as one step
/// (scikit-learn's average_precision_score). 0 where nothing is positive.
/// scores, positive [samples]: 1 for each sample that belongs to the class
double average_precision(std::span<double const> scores, std::span<std::uint8_t const> positive);
/// Its mean over classes, those without a positive included.
/// scores, targets [samples * classes]
double mean_average_precision(std::span<double const> scores, std::span<std::uint8_t const> targets,
                              Index classes);

}  // namespace accord
