#pragma once
// The rows of a tab-separated table.

#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "io/dataset/source.hpp"
#include "io/file/file.hpp"

namespace accord::io {

inline constexpr std::uint64_t max_row_bytes = max_media_bytes * 4 / 3 + max_text_bytes;
inline constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

/// Rows from a place in a file on where one begins, in bounded memory. A row has at most `columns`
/// fields; the last one takes the rest, tabs included. Lines may end in "\r\n". A field may be in
/// quotes as RFC 4180 has it, with tabs, line ends and doubled quotes in it. One that begins with a
/// quote and does not end so is as it stands; so is one that would swallow what looks like a row.
class TableRows {
 public:
  /// \param begin  0: behind a byte-order mark, if there is one
  TableRows(File const& file, std::uint64_t begin, std::size_t columns);

  std::uint64_t position() const { return at_; }  ///< of the next row
  /// The fields of the next row, valid until the next call; an empty line has one empty field.
  /// False at the end. \throws DataError if it is too long
  bool next(std::vector<std::string_view>& fields);

 private:
  // Places in the row that is being read are counted from its beginning.
  std::string_view row() const { return std::string_view(buffer_).substr(begin_); }
  bool has(std::size_t place);
  std::size_t find(char c, std::size_t place, std::size_t most = any_number);
  std::size_t line_end(std::size_t place);
  bool ends_field(std::size_t place, bool last);
  bool quoted(std::size_t place, bool last, std::size_t& end, bool& doubled);
  bool holds_row(std::string_view content) const;

  struct Field {
    std::size_t begin, end;
    bool doubled;
  };

  File const& file_;
  std::uint64_t size_, at_, read_;
  std::size_t columns_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< of the row in the buffer
  std::vector<Field> places_;
  std::deque<std::string> unquoted_;  ///< fields that the buffer does not hold as they are
};

/// Of an empty line.
inline bool is_blank_row(std::vector<std::string_view> const& fields) {
  return fields.size() == 1 && fields.front().empty();
}

}  // namespace accord::io
