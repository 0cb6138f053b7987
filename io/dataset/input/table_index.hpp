#pragma once
// Where the rows of a table begin that share an id.

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/file/file.hpp"

namespace accord::io {

/// Rows next to each other with one id are a run. Where an id has several runs, they belong to the
/// first.
struct TableIndex {
  /// Places where runs begin, ascending, the first row's first: not all, but those that readers
  /// start from.
  std::vector<std::uint64_t> starts;
  /// Where the other runs of an id begin, by the place of its first.
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> others;
  std::unordered_set<std::uint64_t> later;  ///< all of those

  /// The last of `starts` at or before a place.
  std::uint64_t start_before(std::uint64_t place) const;
};

/// Reads the table once, from its first row on. Memory: while it does, 16 bytes for each run.
TableIndex index_table(File const& file, std::uint64_t first_row, std::size_t columns,
                       std::size_t key_column);

}  // namespace accord::io
