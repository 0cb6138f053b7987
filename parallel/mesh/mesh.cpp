#include "parallel/mesh/mesh.hpp"

#include "core/base/check.hpp"

namespace accord::parallel {

int rank_of(MeshShape const& shape, MeshCoordinates const& at) {
  return (at.data * shape.pipeline + at.pipeline) * shape.tensor + at.tensor;
}

MeshCoordinates coordinates_of(MeshShape const& shape, int rank) {
  return {rank / (shape.pipeline * shape.tensor), rank / shape.tensor % shape.pipeline,
          rank % shape.tensor};
}

MeshShape make_mesh(int world_size, int pipeline, int tensor) {
  if (pipeline < 1 || tensor < 1 || world_size % (pipeline * tensor) != 0)
    throw UsageError(fmt::format(
        "{} ranks cannot be cut into parallel.pipeline = {} x parallel.tensor = {}; use a multiple "
        "of {} ranks",
        world_size, pipeline, tensor, pipeline * tensor));
  return {world_size / (pipeline * tensor), pipeline, tensor};
}

}  // namespace accord::parallel
