#include "parallel/data/ownership.hpp"

#include <map>
#include <sstream>

#include "core/comm/gather_lists.hpp"

namespace accord::parallel {
namespace {

std::vector<FlatRange> parts_of(std::vector<Bucket> const& buckets, int rank) {
  std::vector<FlatRange> parts;
  for (Bucket const& bucket : buckets)
    if (FlatRange const part = bucket.part_of(rank); part.count > 0) parts.push_back(part);
  return parts;
}

}  // namespace

Ownership::Ownership(Queue& queue, ParameterStore const& store, MeshGroups const& groups,
                     std::size_t bucket_bytes) {
  int const ranks = groups.data->size();
  auto const elements = static_cast<Index>(bucket_bytes / size_of(accumulator_of(store.dtype())));
  trained_ = make_buckets(0, store.trainable_size(), elements, ranks);
  frozen_ = make_buckets(store.trainable_size(), store.total_size(), elements, ranks);
  owned_trained_ = parts_of(trained_, groups.data->rank());
  owned_frozen_ = parts_of(frozen_, groups.data->rank());
  for (int id = 0; id < store.count(); ++id)
    primary_.push_back(store.spec(id).distribution == Distribution::split ||
                       groups.tensor->rank() == 0);
  shared_.assign(static_cast<std::size_t>(store.count()), false);
  if (groups.pipeline->size() > 1) find_shared(queue, store, groups);
}

void Ownership::find_shared(Queue& queue, ParameterStore const& store, MeshGroups const& groups) {
  std::ostringstream mine;
  for (int id = 0; id < store.count(); ++id)
    mine << store.spec(id).name << ' ' << store.local_shape(id).size() << ' '
         << store.spec(id).trainable << '\n';
  struct Held {
    Index size;
    bool trainable;
    int first_stage, stages;
  };
  std::map<std::string, Held> parameters;  // by name: the same order on every stage
  std::vector<std::string> const texts = gather_lists(queue, *groups.pipeline, mine.str());
  for (int stage = 0; stage < groups.pipeline->size(); ++stage) {
    std::istringstream text(texts[static_cast<std::size_t>(stage)]);
    std::string name;
    Held held{0, false, stage, 0};
    while (text >> name >> held.size >> held.trainable) {
      Held& known = parameters.emplace(name, held).first->second;
      ACCORD_CHECK(known.size == held.size && known.trainable == held.trainable,
                   "{} differs between pipeline stages {} and {}", name, known.first_stage, stage);
      ++known.stages;
    }
  }
  for (auto const& [name, held] : parameters) {
    if (held.stages == 1) continue;
    int const id = store.find(name);
    if (id >= 0) {
      auto const at = static_cast<std::size_t>(id);
      shared_[at] = true;
      primary_[at] = primary_[at] && held.first_stage == groups.pipeline->rank();
    }
    if (!held.trainable) continue;
    slots_.push_back({id, shared_size_, held.size});
    shared_size_ += held.size;
  }
}

}  // namespace accord::parallel
