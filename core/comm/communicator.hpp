#pragma once
// What the model's mathematics needs of a group of ranks. core declares it, parallel implements it
// (MPI, NCCL, threads); core itself ships only the group of one.

#include <memory>

#include "core/base/queue.hpp"
#include "core/tensor/view.hpp"

namespace accord {

enum class Reduce : std::uint8_t { sum, max };

/// A transfer under way. wait() must be called before its buffers are touched, even when it is
/// done; destruction waits too. The group must outlive it.
class Request {
 public:
  virtual ~Request() = default;
  virtual void wait(Queue& queue) = 0;
  /// Whether wait() would return at once. Never waits. A transport may move data only while it is
  /// called, so a caller that must not wait asks again from time to time.
  virtual bool done(Queue& queue) = 0;
};

/// A group of ranks. Every call is collective over the group, made by all members in the same
/// order (but start_all_reduce), with views that agree in type and size and are contiguous. Sums
/// run in rank order on the CPU, so that equal inputs give equal bits on every rank and in every
/// run. Errors throw; a rank that throws must end the job, for its peers are waiting.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// In place. Floating and integer types.
  virtual void all_reduce(Queue& queue, View x, Reduce op = Reduce::sum) = 0;
  /// gathered [size * n] = the sends [n] of ranks 0, 1, ... one after another.
  virtual void all_gather(Queue& queue, ConstView send, View gathered) = 0;
  /// part [n] = sum over ranks of elements [rank * n, (rank + 1) * n) of send [size * n].
  virtual void reduce_scatter(Queue& queue, ConstView send, View part) = 0;
  virtual void broadcast(Queue& queue, View x, int root) = 0;
  virtual void barrier(Queue& queue) = 0;

  /// Sends to `to` while receiving from `from` (one hop of a ring, or of a pipeline). A negative
  /// rank: no such side.
  virtual std::unique_ptr<Request> start_send_receive(Queue& queue, ConstView send, int to,
                                                      View receive, int from) = 0;
  /// reduce_scatter that runs while the caller computes.
  virtual std::unique_ptr<Request> start_reduce_scatter(Queue& queue, ConstView send,
                                                        View part) = 0;
  /// all_reduce that runs while the caller computes: the same types and operations, and in host
  /// memory the same bits. x is read until the request is done and written in wait(). For what
  /// ranks agree on: each sends all of x to every other, so x is small.
  ///
  /// In host memory, ranks start theirs in the same order among each other, but each when it is
  /// ready: calls of any other kind may come between on one rank that have yet to come on another.
  /// (In device memory it is a call like all others, since NCCL has one order for all.)
  virtual std::unique_ptr<Request> start_all_reduce(Queue& queue, View x,
                                                    Reduce op = Reduce::sum) = 0;
};

}  // namespace accord
