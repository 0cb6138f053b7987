#pragma once

#include "core/model/objective.hpp"

namespace accord {

/// Classification of samples by a head on the pass of `student` (classify_head.hpp): cross entropy
/// against the class of each sample, or binary cross entropy where it may have several. Counts of
/// `<name>_accuracy`: samples predicted right. There is one at most: samples have one set of
/// labels.
extern ObjectiveFamily const classify_family;

}  // namespace accord
