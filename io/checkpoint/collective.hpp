#pragma once
// Small exchanges between the ranks that save or load together. Host memory; collective over the
// group.

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/comm/communicator.hpp"

namespace accord::io {

/// What went wrong on the lowest rank where anything did. `error` names the rank and its host
/// when there are several.
std::optional<Error> first_failure(Communicator& communicator, Queue& queue,
                                   std::exception_ptr const& mine);

/// Runs `phase` on this rank, then all ranks look at each other: if it threw anywhere, all throw
/// the same Error.
template <class Phase>
void together(Communicator& communicator, Queue& queue, Phase&& phase) {
  std::exception_ptr mine;
  try {
    phase();
  } catch (...) {
    mine = std::current_exception();
  }
  if (std::optional<Error> const error = first_failure(communicator, queue, mine)) throw *error;
}

/// Rank 0's text on every rank.
std::string broadcast_text(Communicator& communicator, Queue& queue, std::string text);

}  // namespace accord::io
