#pragma once

#include <deque>
#include <memory>

#include "core/tensor/tensor.hpp"
#include "parallel/mesh/mesh_groups.hpp"
#include "parallel/pipeline/schedule.hpp"

namespace accord::parallel {

/// The messages between pipeline stages: activations go forward from stage s to s + 1, and from the
/// last to the first one's next chunk; gradients go the same ways back. Every stage does its work
/// in an order of its own, so sends never wait for their receivers: each message stays here until
/// it has left.
class StageLinks {
 public:
  StageLinks(Queue& queue, MeshGroups& groups);

  /// Waits for the next message of this direction.
  Tensor receive(Direction direction, DType dtype, Shape shape);
  void send(Direction direction, Tensor message);
  /// Waits until all has left.
  void finish();

 private:
  struct Leaving {
    Tensor message;
    std::unique_ptr<Request> request;
  };
  /// A group for each direction: with two stages, activations and gradients go between the same
  /// ranks, and messages of one group arrive in the order they are sent.
  Communicator& group(Direction direction) const;
  int neighbour(Direction direction) const;

  Queue& queue_;
  MeshGroups& groups_;
  std::deque<Leaving> leaving_;
};

}  // namespace accord::parallel
