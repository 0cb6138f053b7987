#pragma once

#include <memory>

#include "core/comm/communicator.hpp"

namespace accord::parallel {

/// A communicator that can be cut into smaller ones: what a mesh is built from.
class GroupCommunicator : public Communicator {
 public:
  /// Collective. Ranks of one color (>= 0) form a group, ordered by key, then by rank here.
  virtual std::unique_ptr<GroupCommunicator> split(int color, int key) = 0;
};

}  // namespace accord::parallel
