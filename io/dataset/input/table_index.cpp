#include "io/dataset/input/table_index.hpp"

#include <algorithm>
#include <string>

#include "io/dataset/input/table_rows.hpp"
#include "io/file/hash.hpp"

namespace accord::io {
namespace {

struct Run {
  std::uint64_t id, begin;  ///< id: its hash
  auto operator<=>(Run const&) const = default;
};

/// Hashes may collide: whoever joins runs compares the ids.
void join_runs(std::vector<Run>& runs, TableIndex& index) {
  std::sort(runs.begin(), runs.end());
  for (std::size_t i = 0; i < runs.size();) {
    std::size_t end = i + 1;
    for (; end < runs.size() && runs[end].id == runs[i].id; ++end) {
      index.others[runs[i].begin].push_back(runs[end].begin);
      index.later.insert(runs[end].begin);
    }
    i = end;
  }
}

}  // namespace

std::uint64_t TableIndex::start_before(std::uint64_t place) const {
  return *(std::upper_bound(starts.begin(), starts.end(), place) - 1);
}

TableIndex index_table(File const& file, std::uint64_t first_row, std::size_t columns,
                       std::size_t key_column) {
  constexpr std::uint64_t stride = 64 << 10;
  TableIndex index;
  index.starts.push_back(first_row);
  std::vector<Run> runs;
  std::vector<std::string_view> fields;
  std::string id;  // of the run that is being read; empty: none
  TableRows rows(file, first_row, columns);
  for (std::uint64_t begin = rows.position(); rows.next(fields); begin = rows.position()) {
    if (is_blank_row(fields)) continue;
    std::string_view const key = fields.size() < columns ? "" : fields[key_column];
    if (!key.empty() && key == id) continue;
    id = key;
    if (!id.empty()) runs.push_back({hash64(std::as_bytes(std::span(id))), begin});
    if (begin - index.starts.back() >= stride) index.starts.push_back(begin);
  }
  join_runs(runs, index);
  return index;
}

}  // namespace accord::io
