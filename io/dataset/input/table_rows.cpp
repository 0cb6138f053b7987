#include "io/dataset/input/table_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {

TableRows::TableRows(File const& file, std::uint64_t begin, std::size_t columns)
    : file_(file), size_(file.size()), at_(begin), read_(begin), columns_(columns) {
  if (begin > 0 || !has(2)) return;
  begin_ = row().size() - without_mark(row()).size();
  at_ = begin_;
}

/// Reads on until the place is there. False: the file ends before.
bool TableRows::has(std::size_t place) {
  while (begin_ + place >= buffer_.size() && read_ < size_) {
    buffer_.erase(0, begin_);
    begin_ = 0;
    std::size_t const held = buffer_.size();
    if (held > max_row_bytes)
      throw DataError(fmt::format("{}: the row at byte {} has more than {} bytes",
                                  file_.path().string(), at_, max_row_bytes));
    std::size_t const more = std::min<std::uint64_t>(1 << 20, size_ - read_);
    buffer_.resize(held + more);
    file_.read_at(read_, std::as_writable_bytes(std::span(buffer_.data() + held, more)));
    read_ += more;
  }
  return begin_ + place < buffer_.size();
}

/// The end of what was read if there is none before `most` or the end of the file.
std::size_t TableRows::find(char c, std::size_t place, std::size_t most) {
  for (;;) {
    std::size_t const found = row().find(c, place);
    if (found != std::string_view::npos) return found;
    place = std::max(place, row().size());
    if (place > most || !has(place)) return row().size();
  }
}

/// Where the line ends, its '\r' or '\n' left out.
std::size_t TableRows::line_end(std::size_t place) {
  std::size_t const end = find('\n', place);
  return end > place && row()[end - 1] == '\r' ? end - 1 : end;
}

bool TableRows::ends_field(std::size_t place, bool last) {
  if (!has(place)) return true;
  char const c = row()[place];
  return c == '\n' || (c == '\t' && !last) ||
         (c == '\r' && (!has(place + 1) || row()[place + 1] == '\n'));
}

/// An unbalanced quote must not take the rows behind it: their lines have tabs enough for a row.
bool TableRows::holds_row(std::string_view content) const {
  std::size_t line = content.find('\n');
  while (line != std::string_view::npos) {
    std::size_t const next = content.find('\n', line + 1);
    std::string_view const text = content.substr(line, next - line);
    if (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\t')) + 1 >= columns_)
      return true;
    line = next;
  }
  return false;
}

/// Whether the quote at `place` opens a field that is well-formed; `end` is then its closing quote.
bool TableRows::quoted(std::size_t place, bool last, std::size_t& end, bool& doubled) {
  constexpr std::size_t most = max_row_bytes / 2;  // a lone quote must not read the whole table
  doubled = false;
  for (end = find('"', place + 1, most); end < row().size(); end = find('"', end + 2, most)) {
    if (has(end + 1) && row()[end + 1] == '"') {
      doubled = true;
      continue;
    }
    return ends_field(end + 1, last) && !holds_row(row().substr(place + 1, end - place - 1));
  }
  return false;
}

bool TableRows::next(std::vector<std::string_view>& fields) {
  fields.clear();
  places_.clear();
  unquoted_.clear();
  if (at_ >= size_) return false;
  std::size_t place = 0, line = 0;  // line: where the one ends that was looked at last
  for (bool more = true; more;) {
    bool const last = places_.size() + 1 == columns_;
    std::size_t end = 0;
    bool doubled = false;
    if (has(place) && row()[place] == '"' && quoted(place, last, end, doubled)) {
      places_.push_back({place + 1, end, doubled});
      place = end + 1;
    } else {
      if (places_.empty() || place > line) line = line_end(place);
      end = line;
      if (!last) end = place + std::min(row().substr(place, end - place).find('\t'), end - place);
      places_.push_back({place, end, false});
      place = end;
    }
    more = has(place) && row()[place] == '\t' && !last;
    if (more) ++place;
  }
  place = find('\n', place);  // behind a '\r'
  for (Field const& field : places_) {
    std::string_view text = row().substr(field.begin, field.end - field.begin);
    if (field.doubled) {
      std::string& plain = unquoted_.emplace_back();
      for (std::size_t i = 0; i < text.size(); ++i) {
        plain += text[i];
        if (text[i] == '"') ++i;
      }
      text = plain;
    }
    fields.push_back(text);
  }
  bool const ended = has(place);
  at_ += place + (ended ? 1 : 0);
  begin_ += place + (ended ? 1 : 0);
  return true;
}

}  // namespace accord::io
