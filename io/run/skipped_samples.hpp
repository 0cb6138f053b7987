#pragma once
// skipped.jsonl: the samples that could not be used, so that their positions took others.

#include <span>
#include <string>
#include <vector>

#include "core/comm/communicator.hpp"
#include "io/loader/sample_loader.hpp"

namespace accord::io {

/// Collective. What all ranks have met, by position, on rank 0; nothing on the others.
std::vector<SkippedSample> gather_skipped(Queue& queue, Communicator& world,
                                          std::span<SkippedSample const> mine);

/// A line of skipped.jsonl: `step` whose batch it belonged to, `position`, `source`, `sample`
/// (number in its source), `key`, `reason`.   \param passed_over  batches that were no step's
std::string skipped_line(SkippedSample const& skipped, Index global_batch, Index passed_over = 0);

}  // namespace accord::io
