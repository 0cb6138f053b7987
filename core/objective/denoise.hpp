#pragma once

#include "core/model/objective.hpp"

namespace accord {

/// Masked denoising contrast within pools (core/loss/denoising.hpp): the decoder's prediction of
/// the masked tokens of one modality (`modality`) in the masked pass of `student`, against the
/// features of the whole pass of `teacher`, which are constants. All of them share one run of the
/// decoder.
extern ObjectiveFamily const denoise_family;

}  // namespace accord
