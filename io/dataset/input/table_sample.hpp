#pragma once
// One sample of a table, put together from the rows that share its id.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/dataset/input/table_index.hpp"
#include "io/dataset/source.hpp"
#include "io/file/hash.hpp"

namespace accord::io {

/// Which field is what; -1: the table has none.
struct TableColumns {
  int key = -1, label = -1;
  std::map<std::string, int> fields;  ///< by name, those that conditions ask for
  std::map<std::string, int> items;   ///< by modality, of those looked for that it has
  std::size_t count = 0;
};

struct Table {
  std::filesystem::path path, root;  ///< root: of the paths in it
  std::uint64_t bytes, first_row;    ///< first_row: where it begins
  TableColumns columns;
  std::vector<Condition> conditions;  ///< on each row
  TableIndex index;
};

inline std::string field(std::vector<std::string_view> const& row, int column) {
  return std::string(row[static_cast<std::size_t>(column)]);
}

/// A cell longer than any path cannot be one.
inline constexpr std::size_t max_path_bytes = 4096;

class TableSample {
 public:
  /// The table and the sink outlive this. \param position  where its first row begins
  TableSample(Table const& table, std::string const& key, std::uint64_t position, Sink& sink);

  std::string const& key() const { return candidate_.key; }
  /// What a row has and the sample has not: its media, and its caption, unless it only repeats one
  /// for another medium. A row that cannot be used is dropped.
  void add(std::vector<std::string_view> const& row, std::uint64_t position);
  /// Gives the sample to the sink. False when that has had enough.
  bool finish();

 private:
  std::string where(std::uint64_t position) const;
  bool is_known(std::string const& modality, std::string_view cell) const;

  Table const& table_;
  Sink& sink_;
  Candidate candidate_;
  std::map<std::string, std::vector<Hash128>> cells_;  ///< by modality, those that were read
  std::size_t rows_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace accord::io
