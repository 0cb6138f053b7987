#include <bit>
#include <utility>

#include "io/interchange/pickle.hpp"

namespace accord::io {

Pickle::Items Pickle::first_run(Node const& node) {
  return {static_cast<std::uint32_t>(node.value >> 32), static_cast<std::uint32_t>(node.value), 0};
}

PickleNode Pickle::operator[](PickleRef ref) const {
  Node const& stored = nodes_[ref];
  PickleNode node;
  node.kind = stored.kind;
  switch (stored.kind) {
    case Kind::none:
    case Kind::opaque:
      break;
    case Kind::boolean:
    case Kind::integer:
      node.integer = std::bit_cast<std::int64_t>(stored.value);
      break;
    case Kind::real:
      node.real = std::bit_cast<double>(stored.value);
      break;
    case Kind::text:
      node.text = {reinterpret_cast<char const*>(bytes_.data()) + stored.value, stored.size};
      break;
    case Kind::global:
      node.text = globals_[stored.value];
      break;
    default:
      std::vector<Items> runs;
      for (std::uint32_t run = stored.size; run > 0; run = runs_[run - 1].before)
        runs.push_back(runs_[run - 1]);
      runs.push_back(first_run(stored));
      for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
        auto const begin = refs_.begin() + run->begin;
        node.items.insert(node.items.end(), begin, begin + run->count);
      }
  }
  return node;
}

PickleRef Pickle::add_node(Node const& node) {
  nodes_.push_back(node);
  return static_cast<PickleRef>(nodes_.size() - 1);
}

PickleRef Pickle::add(Kind kind, std::span<PickleRef const> items) {
  PickleRef const ref = add_node({kind, 0, 0});
  append(ref, items);
  return ref;
}

PickleRef Pickle::add_integer(Kind kind, std::int64_t value) {
  return add_node({kind, 0, std::bit_cast<std::uint64_t>(value)});
}

PickleRef Pickle::add_real(double value) {
  return add_node({Kind::real, 0, std::bit_cast<std::uint64_t>(value)});
}

PickleRef Pickle::add_text(std::string_view of_bytes) {
  auto const* const begin = reinterpret_cast<char const*>(bytes_.data());
  return add_node({Kind::text, static_cast<std::uint32_t>(of_bytes.size()),
                   static_cast<std::uint64_t>(of_bytes.data() - begin)});
}

PickleRef Pickle::add_global(std::string name) {
  globals_.push_back(std::move(name));
  return add_node({Kind::global, 0, globals_.size() - 1});
}

void Pickle::append(PickleRef ref, std::span<PickleRef const> items) {
  if (items.empty()) return;
  Node& node = nodes_[ref];
  auto const begin = static_cast<std::uint32_t>(refs_.size()),
             count = static_cast<std::uint32_t>(items.size());
  refs_.insert(refs_.end(), items.begin(), items.end());
  Items first = first_run(node);
  if (node.size > 0 && runs_[node.size - 1].begin + runs_[node.size - 1].count == begin) {
    runs_[node.size - 1].count += count;
  } else if (node.size == 0 && (first.count == 0 || first.begin + first.count == begin)) {
    if (first.count == 0) first.begin = begin;
    node.value = std::uint64_t{first.begin} << 32 | (first.count + count);
  } else {
    runs_.push_back({begin, count, node.size});
    node.size = static_cast<std::uint32_t>(runs_.size());
  }
}

}  // namespace accord::io
