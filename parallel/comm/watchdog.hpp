#pragma once

#include <filesystem>
#include <memory>

#include "core/base/queue.hpp"
#include "core/comm/communicator.hpp"

namespace accord::parallel {

struct WatchdogOptions {
  double seconds = 0;  ///< without progress that end the job; 0: peers alone are watched
  std::filesystem::path reports = {};  ///< folder of what hung ranks say, on a file system of all
};

/// Ends a job that would hang for ever. MPI waits without a limit for a rank that was stopped,
/// whose node is gone, or that makes another call than its peers, and none of its functions may be
/// called then; so each rank has a thread that needs none.
///
/// *Hangs.* When nothing has begun or ended on the queue (Whereabouts) for `seconds`, the rank says
/// on stderr and in REPORTS/rank-NNNN.txt what it was about, at which step, and where its code
/// stands. A moment later, when the others have had their time, one of them says which ranks were
/// not heard of, and every rank leaves with ExitCode::internal, at most 4 s beyond the limit.
///
/// *Deaths.* A launcher takes a second or two to end the ranks that are left, and longer where they
/// wait for its signals. When the process of a peer on this node is gone, a rank says so and leaves
/// with ExitCode::internal within half a second.
class Watchdog {
 public:
  /// Collective over `world`, all ranks of the job, on the thread that is to be watched.
  /// The queue's ops and spans count as progress from here on.
  Watchdog(Queue& queue, Communicator& world, WatchdogOptions options);
  Watchdog(Watchdog const&) = delete;
  Watchdog& operator=(Watchdog const&) = delete;
  /// Before MPI ends: a peer that has finished is not a dead one.
  ~Watchdog();

  /// Of the step that runs now; progress by itself.
  void at_step(std::int64_t step);

  /// While it lives, the limit is ten times as long: for what takes its time in one piece: a
  /// checkpoint, a validation, the first step.
  class Patience {
   public:
    explicit Patience(Watchdog& watchdog);
    Patience(Patience const&) = delete;
    Patience& operator=(Patience const&) = delete;
    ~Patience();

   private:
    Watchdog& watchdog_;
  };

 private:
  class Watch;

  Queue& queue_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace accord::parallel
