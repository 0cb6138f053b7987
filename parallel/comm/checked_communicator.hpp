#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "parallel/comm/forwarding_communicator.hpp"

namespace accord::parallel {

/// For debugging: before each collective call all ranks tell each other which one they are about to
/// make, so that a mismatch of kind, type or size is an error that names it, on every rank alike,
/// not a hang or wrong sums. Costs one small all_gather per call. Point-to-point messages carry a
/// header that the receiver compares with what it expects; all_reduces that are started are
/// compared, among each other, while they are under way: done() and wait() throw. A rank that makes
/// no further call here, or one of another group instead, still leaves the others waiting.
class CheckedCommunicator final : public ForwardingCommunicator {
 public:
  /// `name` says in messages which group this is ("world", "data").
  CheckedCommunicator(std::unique_ptr<GroupCommunicator> group, std::string name);

  /// That all ranks split is checked; the groups they get are not, until they are given a name.
  std::unique_ptr<GroupCommunicator> split(int color, int key) override;

 private:
  class CheckedRequest;
  class CheckedMessage;
  class CheckedReduction;
  /// What must be the same on all ranks: kind, type, elements, and the operation or root.
  using Facts = std::array<std::int64_t, 4>;

  void run(Queue& queue, Call const& call) override;
  std::unique_ptr<Request> start_call(Queue& queue, Call const& call) override;
  void compare(Queue& queue, Facts const& mine);
  /// \param call  "collective call 2"
  void require_same(std::string const& call, std::vector<Facts> const& of_ranks) const;

  Queue host_{Backend::cpu};  ///< of the comparison that precedes a split
  std::string name_;
  std::int64_t calls_ = 0, started_ = 0;
};

}  // namespace accord::parallel
