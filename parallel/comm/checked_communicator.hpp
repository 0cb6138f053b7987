#pragma once

#include <array>
#include <memory>
#include <string>

#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

/// For debugging: before each collective call all ranks tell each other which one they are about to
/// make, so that a mismatch of kind, type or size is an error that names it, not a hang or wrong
/// sums. Costs one small all_gather per call. Point-to-point messages carry a header that the
/// receiver compares with what it expects. A rank that makes no further call here, or one of
/// another group instead, still leaves the others waiting.
class CheckedCommunicator final : public GroupCommunicator {
 public:
  /// `name` says in messages which group this is ("world", "data").
  CheckedCommunicator(std::unique_ptr<GroupCommunicator> group, std::string name);

  int rank() const override { return group_->rank(); }
  int size() const override { return group_->size(); }
  /// \throws Error on every rank alike, naming the first rank whose call differs from rank 0's.
  void all_reduce(Queue& queue, View x, Reduce op = Reduce::sum) override;
  void all_gather(Queue& queue, ConstView send, View gathered) override;
  void reduce_scatter(Queue& queue, ConstView send, View part) override;
  void broadcast(Queue& queue, View x, int root) override;
  void barrier(Queue& queue) override;
  std::unique_ptr<Request> start_send_receive(Queue& queue, ConstView send, int to, View receive,
                                              int from) override;
  std::unique_ptr<Request> start_reduce_scatter(Queue& queue, ConstView send, View part) override;
  /// That all ranks split is checked; the groups they get are not, until they are given a name.
  std::unique_ptr<GroupCommunicator> split(int color, int key) override;

 private:
  class CheckedTransfer;
  enum class Kind : std::int64_t {
    all_reduce,
    all_gather,
    reduce_scatter,
    broadcast,
    barrier,
    split
  };
  /// Kind, type, elements, and the operation or root.
  using Call = std::array<std::int64_t, 4>;
  static std::string describe(Call const& call);
  void compare(Queue& queue, Call const& mine);

  std::unique_ptr<GroupCommunicator> group_;
  Queue host_{Backend::cpu};  ///< of the comparison that precedes a split
  std::string name_;
  std::int64_t calls_ = 0;
};

}  // namespace accord::parallel
