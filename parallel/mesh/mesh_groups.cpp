#include "parallel/mesh/mesh_groups.hpp"

#include "core/base/check.hpp"
#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/traced_communicator.hpp"

namespace accord::parallel {

MeshGroups make_groups(GroupCommunicator& world, MeshShape const& shape,
                       GroupOptions const& options) {
  ACCORD_CHECK(shape.data * shape.pipeline * shape.tensor == world.size(),
               "a mesh of {} x {} x {} ranks in a world of {}", shape.data, shape.pipeline,
               shape.tensor, world.size());
  MeshCoordinates const at = coordinates_of(shape, world.rank());
  // Every rank knows the extents, so all agree on which splits are left out.
  auto const group =
      [&](std::string const& name, int extent, MeshCoordinates first,
          TracedCommunicator::Waiting waiting = {}) -> std::unique_ptr<Communicator> {
    if (extent == 1) return std::make_unique<SelfCommunicator>();
    std::unique_ptr<GroupCommunicator> made = world.split(rank_of(shape, first), world.rank());
    if (options.check_collectives)
      made = std::make_unique<CheckedCommunicator>(std::move(made), name);
    if (options.trace) return std::make_unique<TracedCommunicator>(std::move(made), name, waiting);
    return made;
  };
  MeshCoordinates const stages{at.data, 0, at.tensor};
  MeshGroups groups;
  groups.data = group("data", shape.data, {0, at.pipeline, at.tensor});
  TracedCommunicator::Waiting const for_stages{.for_messages = Activity::bubble};
  groups.pipeline = group("pipeline", shape.pipeline, stages, for_stages);
  groups.pipeline_backward = group("pipeline backward", shape.pipeline, stages, for_stages);
  groups.pipeline_round = group("pipeline round", shape.pipeline, stages, for_stages);
  groups.pipeline_round_backward =
      group("pipeline round backward", shape.pipeline, stages, for_stages);
  groups.tensor = group("tensor", shape.tensor, {at.data, at.pipeline, 0});
  groups.replica = group("replica", shape.pipeline * shape.tensor, {at.data, 0, 0},
                         {.in_collectives = Activity::storage});
  return groups;
}

}  // namespace accord::parallel
