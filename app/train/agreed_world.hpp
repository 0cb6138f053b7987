#pragma once

#include <memory>

#include "app/config/config.hpp"
#include "io/text/tokenizer.hpp"
#include "parallel/comm/group_communicator.hpp"

namespace accord::app {

/// Collective over MPI's world, which this is, once all ranks are known to run the same program on
/// the same configuration and tokenizer: with another binary on one node, or another file, they
/// would hang or train nonsense. Its calls are checked where [parallel] check_collectives says so.
/// \throws UsageError on every rank, naming what differs
std::unique_ptr<parallel::GroupCommunicator> agreed_world(Queue& queue, Config const& config,
                                                          io::Tokenizer const& tokenizer);

}  // namespace accord::app
