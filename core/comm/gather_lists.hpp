#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "core/comm/communicator.hpp"

namespace accord {

/// Collective. The lists of all ranks, by rank, on every rank; their lengths may differ. In host
/// memory. \tparam List  std::string (any bytes), or a std::vector of plain values
template <class List>
std::vector<List> gather_lists(Queue& queue, Communicator& group, List mine) {
  using Value = typename List::value_type;
  static_assert(std::is_trivially_copyable_v<Value>);
  auto const ranks = static_cast<std::size_t>(group.size());
  auto const length = static_cast<std::int64_t>(mine.size());
  std::vector<std::int64_t> lengths(ranks);
  group.all_gather(queue, ConstView(&length, DType::int64, Shape{1}),
                   View(lengths.data(), DType::int64, Shape{group.size()}));
  Index const longest = *std::max_element(lengths.begin(), lengths.end());
  auto const bytes = longest * static_cast<Index>(sizeof(Value));
  mine.resize(static_cast<std::size_t>(longest));
  List all;
  all.resize(mine.size() * ranks);
  group.all_gather(queue, ConstView(mine.data(), DType::uint8, Shape{bytes}),
                   View(all.data(), DType::uint8, Shape{group.size(), bytes}));
  std::vector<List> lists;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    auto const begin = all.begin() + static_cast<std::ptrdiff_t>(rank * mine.size());
    lists.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(lengths[rank]));
  }
  return lists;
}

}  // namespace accord
