#pragma once

#include <string>
#include <vector>

#include "core/comm/communicator.hpp"

namespace accord::parallel {

/// Something that must be the same on every rank: {"binary", "b1946ac9"}, {"train.global_batch",
/// "64"}.
struct AgreementItem {
  std::string name, value;
};

/// Collective, at start-up. Compares the items of all ranks with those of rank 0.
/// \throws UsageError on every rank alike, naming the first rank and item that differ.
void require_agreement(Queue& queue, Communicator& group, std::vector<AgreementItem> const& items);

}  // namespace accord::parallel
