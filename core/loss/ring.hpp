#pragma once
// The ring of ranks that features travel (docs/model.md 9.2).

#include <memory>

#include "core/comm/communicator.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

inline int next_of(Communicator const& group) { return (group.rank() + 1) % group.size(); }
inline int previous_of(Communicator const& group) {
  return (group.rank() + group.size() - 1) % group.size();
}

/// Calls visit(owner, block) for the block of this rank, of rank - 1, ...: the next one arrives
/// while visit() computes. blocks[0] holds this rank's at the start; blocks[1] is not used by a
/// group of one.
template <class Visit>
void turn(Queue& queue, Communicator& group, Tensor (&blocks)[2], Visit&& visit) {
  int const size = group.size();
  for (int hop = 0; hop < size; ++hop) {
    Tensor const& here = blocks[hop % 2];
    std::unique_ptr<Request> arriving;
    // The block at hand is sent on while it is read, the other one is free for what comes: two
    // blocks, whatever the number of ranks. The last hop sends nothing: all have seen it.
    if (hop + 1 < size)
      arriving = group.start_send_receive(queue, here, next_of(group), blocks[(hop + 1) % 2],
                                          previous_of(group));
    visit((group.rank() - hop + size) % size, here.view());
    if (arriving) arriving->wait(queue);
  }
}

}  // namespace accord
