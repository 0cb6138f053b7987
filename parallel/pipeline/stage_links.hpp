#pragma once

#include <deque>
#include <memory>

#include "core/model/encoder.hpp"
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
  /// Runs a step (MicroStep, EvaluationStep) through its chunk, between receiving what goes in and
  /// sending what comes out. \returns whether this is the end of the model
  template <class Step>
  bool forward(LayerChunk const& chunk, DType dtype, Step& step) {
    Tensor input;
    if (!chunk.first) input = receive(Direction::forward, dtype, step.input_shape());
    Tensor output = step.forward(std::move(input));
    if (!chunk.last) send(Direction::forward, std::move(output));
    return chunk.last;
  }
  /// Waits until all has left.
  void finish();

 private:
  struct Leaving {
    Tensor message;
    std::unique_ptr<Request> request;
  };
  /// A group for each direction, and for each way round: with two stages all go between the same
  /// ranks, and messages of one group arrive in the order they are sent.
  Communicator& group(Direction direction, int from) const;
  int neighbour(Direction direction) const;

  Queue& queue_;
  MeshGroups& groups_;
  std::deque<Leaving> leaving_;
};

}  // namespace accord::parallel
