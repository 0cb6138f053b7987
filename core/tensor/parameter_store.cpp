#include "core/tensor/parameter_store.hpp"

#include <algorithm>

namespace accord {
namespace {

constexpr Index group_alignment = 64;

Index aligned(Index n) { return (n + group_alignment - 1) / group_alignment * group_alignment; }

}  // namespace

int ParameterStore::add(std::vector<ParameterSpec> group) {
  ACCORD_CHECK(!allocated() && !group.empty(), "parameters are added before allocate()");
  int const first = count();
  for (ParameterSpec& spec : group) {
    ACCORD_CHECK(spec.trainable == group.front().trainable, "{}: a fused group trains as one",
                 spec.name);
    Shape local = spec.shape;
    if (spec.distribution == Distribution::split) {
      Index& extent = local[spec.split_dimension];
      if (extent % tensor_size_ != 0)
        throw UsageError(fmt::format("{}: {} does not divide by parallel.tensor = {}", spec.name,
                                     extent, tensor_size_));
      extent /= tensor_size_;
    }
    ACCORD_CHECK(by_name_.emplace(spec.name, count()).second, "parameter {} added twice",
                 spec.name);
    entries_.push_back({std::move(spec), local, 0, groups_});
  }
  ++groups_;
  return first;
}

void ParameterStore::allocate(Queue& queue, DType dtype) {
  ACCORD_CHECK(!allocated(), "allocate() is called once");
  Index flat = 0;
  for (bool trainable : {true, false}) {
    int group = -1;
    for (int id = 0; id < count(); ++id) {
      Entry& entry = entries_[static_cast<std::size_t>(id)];
      if (entry.spec.trainable != trainable) continue;
      if (entry.group != group) flat = aligned(flat);
      group = entry.group;
      entry.flat_begin = flat;
      flat += entry.local.size();
      flat_order_.push_back(id);
    }
    flat = aligned(flat);
    if (trainable) trainable_size_ = flat;
  }
  total_size_ = flat;
  values_ = Tensor::zeros(queue, dtype, Shape{total_size_});
  gradients_ = Tensor::zeros(queue, accumulator_of(dtype), Shape{trainable_size_});
}

int ParameterStore::find(std::string const& name) const {
  auto const it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

View ParameterStore::slice(View flat, int id, Shape shape) const {
  return flat.rows(entry(id).flat_begin, shape.size()).reshaped(shape);
}

View ParameterStore::gradient(int id) {
  return spec(id).trainable ? slice(gradients_, id, entry(id).local) : View{};
}

View ParameterStore::fused(View flat, int first, int members) const {
  Shape shape{0, entry(first).local.row_size()};
  for (int id = first; id < first + members; ++id) {
    ACCORD_CHECK(entry(id).group == entry(first).group && entry(id).local.row_size() == shape[1],
                 "{} is not fused with {}", spec(id).name, spec(first).name);
    shape[0] += entry(id).local[0];
  }
  return slice(flat, first, shape);
}

View ParameterStore::fused_value(int first, int members) { return fused(values_, first, members); }

View ParameterStore::fused_gradient(int first, int members) {
  return spec(first).trainable ? fused(gradients_, first, members) : View{};
}

std::vector<ParameterPiece> ParameterStore::pieces(Index begin, Index end) const {
  std::vector<ParameterPiece> result;
  auto it = std::partition_point(flat_order_.begin(), flat_order_.end(), [&](int id) {
    return entry(id).flat_begin + entry(id).local.size() <= begin;
  });
  for (; it != flat_order_.end() && entry(*it).flat_begin < end; ++it) {
    Entry const& e = entry(*it);
    Index const lo = std::max(begin, e.flat_begin) - e.flat_begin;
    Index const hi = std::min(end, e.flat_begin + e.local.size()) - e.flat_begin;
    bool const columns = e.spec.distribution == Distribution::split && e.spec.split_dimension == 1;
    if (!columns) {
      Index const offset =
          e.spec.distribution == Distribution::split ? tensor_rank_ * e.local.size() : 0;
      result.push_back({*it, offset + lo, e.flat_begin + lo, hi - lo});
      continue;
    }
    // A slice of columns: one run per row of the whole.
    ACCORD_CHECK(e.local.rank() == 2, "{}: only matrices are split by columns", e.spec.name);
    Index const width = e.local[1], whole = e.spec.shape[1];
    for (Index at = lo; at < hi;) {
      Index const row = at / width, column = at % width;
      Index const n = std::min(hi - at, width - column);
      result.push_back({*it, row * whole + tensor_rank_ * width + column, e.flat_begin + at, n});
      at += n;
    }
  }
  return result;
}

}  // namespace accord
