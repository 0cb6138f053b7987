#pragma once

#include <memory>

#include "core/comm/self_communicator.hpp"
#include "parallel/comm/group_communicator.hpp"
#include "parallel/mesh/mesh.hpp"

namespace accord::parallel {

/// This rank's groups, one per axis of the mesh: the ranks that differ from it in that coordinate
/// alone, ordered by it. An axis of extent 1 is a SelfCommunicator, and so are all by default: one
/// rank alone.
struct MeshGroups {
  std::unique_ptr<Communicator> data = std::make_unique<SelfCommunicator>();
  std::unique_ptr<Communicator> pipeline = std::make_unique<SelfCommunicator>();
  /// The same ranks again: for messages against the flow, and for those that go round, from one end
  /// of the pipeline to the other. A group may finish one message before it begins the next (NCCL
  /// does), so no two of these may queue behind each other.
  std::unique_ptr<Communicator> pipeline_backward = std::make_unique<SelfCommunicator>();
  std::unique_ptr<Communicator> pipeline_round = std::make_unique<SelfCommunicator>();
  std::unique_ptr<Communicator> pipeline_round_backward = std::make_unique<SelfCommunicator>();
  std::unique_ptr<Communicator> tensor = std::make_unique<SelfCommunicator>();
  /// The pipeline x tensor ranks that run one replica of the model, i.e. the same samples; rank 0
  /// is the one that reads them.
  std::unique_ptr<Communicator> replica = std::make_unique<SelfCommunicator>();
};

/// What is put around groups of more than one rank.
struct GroupOptions {
  bool check_collectives = false;  ///< CheckedCommunicator
  /// TracedCommunicator, for a trace or a watchdog. Waiting for messages of the pipeline groups
  /// counts as bubble, on the replica as waiting for data.
  bool trace = false;
};

/// Collective over the world. \throws Error if the mesh is not the world's size.
MeshGroups make_groups(GroupCommunicator& world, MeshShape const& shape,
                       GroupOptions const& options = {});

}  // namespace accord::parallel
