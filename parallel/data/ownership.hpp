#pragma once

#include <vector>

#include "core/tensor/parameter_store.hpp"
#include "parallel/data/buckets.hpp"
#include "parallel/mesh/mesh_groups.hpp"

namespace accord::parallel {

/// Which rank updates, counts and saves what (docs/model.md 9.5). Data-parallel rank d owns the
/// d-th part of each bucket. Of what several tensor- or pipeline-parallel ranks hold, each updates
/// its own copy, and the one of the lowest coordinate is primary: it alone counts in the gradient
/// norm and goes into checkpoints.
class Ownership {
 public:
  /// Collective over the pipeline group, whose stages tell each other which parameters they hold.
  /// The store is allocated. `bucket_bytes` is the size of a bucket of gradients; it does not
  /// change results.
  Ownership(Queue& queue, ParameterStore const& store, MeshGroups const& groups,
            std::size_t bucket_bytes = default_bucket_bytes);
  static constexpr std::size_t default_bucket_bytes = 25u << 20;

  std::vector<Bucket> const& trained_buckets() const { return trained_; }
  std::vector<Bucket> const& frozen_buckets() const { return frozen_; }
  /// This rank's parts, without empty ones.
  std::vector<FlatRange> const& trained() const { return owned_trained_; }
  std::vector<FlatRange> const& frozen() const { return owned_frozen_; }

  bool is_primary(int id) const { return primary_[static_cast<std::size_t>(id)]; }
  /// Pipeline stages other than this one hold the parameter too.
  bool is_shared(int id) const { return shared_[static_cast<std::size_t>(id)]; }

  /// Room for the gradient of each trained parameter that several stages hold, the same on all
  /// stages.
  struct SharedSlot {
    int id = -1;  ///< -1: held by other stages only
    Index offset = 0, count = 0;
  };
  std::vector<SharedSlot> const& shared_slots() const { return slots_; }
  Index shared_size() const { return shared_size_; }

 private:
  void find_shared(Queue& queue, ParameterStore const& store, MeshGroups const& groups);

  std::vector<Bucket> trained_, frozen_;
  std::vector<FlatRange> owned_trained_, owned_frozen_;
  std::vector<bool> primary_, shared_;
  std::vector<SharedSlot> slots_;
  Index shared_size_ = 0;
};

}  // namespace accord::parallel
