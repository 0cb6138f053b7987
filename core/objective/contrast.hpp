#pragma once

#include "core/model/objective.hpp"

namespace accord {

/// Cross-modal contrast over the global batch (core/loss/contrastive.hpp): student[0] against
/// teacher[0], softmax over the other side's samples. All of them share one learnt `logit_scale`.
/// Counts of `<a>2<b>_accuracy` and back: samples whose best match is their own.
extern ObjectiveFamily const contrast_family;

}  // namespace accord
