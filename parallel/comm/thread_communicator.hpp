#pragma once
// Ranks as threads of one process: for tests of everything that communicates.

#include <functional>

#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

/// N ranks, each a thread with one OpenMP thread. Sends are copied, so they never block; receives
/// happen in wait().
///
///     ThreadGroup(4).run([](GroupCommunicator& world) { Queue queue(Backend::cpu); ... });
class ThreadGroup {
 public:
  explicit ThreadGroup(int ranks) : ranks_(ranks) {}

  /// Runs body(world) on every rank and returns when all have ended. When a rank throws, or when
  /// the calls of the ranks do not match and none can go on, all others are released with an error,
  /// and the first exception is thrown on.
  void run(std::function<void(GroupCommunicator&)> const& body) const;

 private:
  int ranks_;
};

}  // namespace accord::parallel
