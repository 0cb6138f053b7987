#pragma once

namespace accord::parallel {

/// The three axes of parallelism. World size = data * pipeline * tensor.
struct MeshShape {
  int data = 1, pipeline = 1, tensor = 1;
};

/// A rank's place in the mesh; tensor parallel varies fastest, so that its groups share a node.
struct MeshCoordinates {
  int data = 0, pipeline = 0, tensor = 0;
  friend bool operator==(MeshCoordinates const&, MeshCoordinates const&) = default;
};

/// rank = (data * P + pipeline) * T + tensor
int rank_of(MeshShape const& shape, MeshCoordinates const& at);
MeshCoordinates coordinates_of(MeshShape const& shape, int rank);

/// The mesh of `world_size` ranks: data parallel is what tensor and pipeline leave.
/// \throws UsageError listing the legal world sizes when it does not divide.
MeshShape make_mesh(int world_size, int pipeline, int tensor);

}  // namespace accord::parallel
