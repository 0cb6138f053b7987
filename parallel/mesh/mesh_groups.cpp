#include "parallel/mesh/mesh_groups.hpp"

#include "core/base/check.hpp"

namespace accord::parallel {

MeshGroups make_groups(GroupCommunicator& world, MeshShape const& shape) {
  ACCORD_CHECK(shape.data * shape.pipeline * shape.tensor == world.size(),
               "a mesh of {} x {} x {} ranks in a world of {}", shape.data, shape.pipeline,
               shape.tensor, world.size());
  MeshCoordinates const at = coordinates_of(shape, world.rank());
  // Every rank knows the extents, so all agree on which splits are left out.
  auto const group = [&](int extent, MeshCoordinates first) -> std::unique_ptr<Communicator> {
    if (extent == 1) return std::make_unique<SelfCommunicator>();
    return world.split(rank_of(shape, first), world.rank());
  };
  MeshGroups groups;
  groups.data = group(shape.data, {0, at.pipeline, at.tensor});
  groups.pipeline = group(shape.pipeline, {at.data, 0, at.tensor});
  groups.pipeline_backward = group(shape.pipeline, {at.data, 0, at.tensor});
  groups.tensor = group(shape.tensor, {at.data, at.pipeline, 0});
  groups.replica = group(shape.pipeline * shape.tensor, {at.data, 0, 0});
  return groups;
}

}  // namespace accord::parallel
