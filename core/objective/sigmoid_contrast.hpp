#pragma once

#include "core/model/objective.hpp"

namespace accord {

/// Pairwise sigmoid loss over the global batch (core/loss/sigmoid_contrastive.hpp): student[0]
/// against teacher[0], each pair of samples by itself. All of them share a learnt scale exp(t) and
/// bias, `sigmoid_contrast.logit_scale` (t, 0-dim, starts at ln 10) and
/// `sigmoid_contrast.logit_bias` (starts at -10); t is held in [0, ln 100] as that of the softmax
/// contrast is, the bias is free.
/// Counts of `<a>2<b>_accuracy` and back: samples whose best match is their own.
extern ObjectiveFamily const sigmoid_contrast_family;

}  // namespace accord
