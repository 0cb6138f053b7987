// Tab-separated tables (docs/model.md 3.1): one header line, then one sample per line.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "core/base/error.hpp"
#include "io/dataset/base64.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/media_file.hpp"
#include "io/dataset/source.hpp"
#include "io/file/file.hpp"
#include "io/file/list_some.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

constexpr std::uint64_t max_row_bytes = max_media_bytes * 4 / 3 + max_text_bytes;

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// At most `most` fields; the last one takes the rest, tabs included.
std::vector<std::string_view> split(std::string_view line, std::size_t most) {
  std::vector<std::string_view> fields;
  while (fields.size() + 1 < most) {
    std::size_t const tab = line.find('\t');
    if (tab == std::string_view::npos) break;
    fields.push_back(line.substr(0, tab));
    line.remove_prefix(tab + 1);
  }
  fields.push_back(line);
  return fields;
}

/// Lines of a file from a byte on, in bounded memory.
class Lines {
 public:
  Lines(File const& file, std::uint64_t begin)
      : file_(file), size_(file.size()), at_(begin), read_(begin) {}
  std::uint64_t position() const { return at_; }  ///< of the next line
  /// The next line without its end; false at the end of the file. \throws DataError if it is too
  /// long
  bool next(std::string& line) {
    if (at_ >= size_) return false;
    std::size_t end = buffer_.find('\n', begin_);
    while (end == std::string::npos && read_ < size_) {
      buffer_.erase(0, begin_);
      begin_ = 0;
      std::size_t const held = buffer_.size();
      if (held > max_row_bytes)
        throw DataError(fmt::format("{}: the line at byte {} has more than {} bytes",
                                    file_.path().string(), at_, max_row_bytes));
      std::size_t const more = std::min<std::uint64_t>(1 << 20, size_ - read_);
      buffer_.resize(held + more);
      file_.read_at(read_, std::as_writable_bytes(std::span(buffer_.data() + held, more)));
      read_ += more;
      end = buffer_.find('\n', held);
    }
    line.assign(buffer_, begin_, std::min(end, buffer_.size()) - begin_);
    at_ += line.size() + (end != std::string::npos ? 1 : 0);
    begin_ += line.size() + 1;
    return true;
  }

 private:
  File const& file_;
  std::uint64_t size_, at_, read_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< of the next line in the buffer
};

/// Which field is what; -1: the table has none.
struct Columns {
  int key = -1, label = -1;
  std::map<std::string, int> items;  ///< by modality, of those looked for that it has
  std::size_t count = 0;
};

struct Table {
  std::filesystem::path path, root;
  std::uint64_t bytes, first_row;  ///< first_row: where it begins
  Columns columns;
};

class TableSource final : public Source {
 public:
  TableSource(std::vector<std::filesystem::path> const& paths, SourceOptions const& options)
      : label_(options.label) {
    for (auto const& path : paths) tables_.push_back(open(path, options));
  }

  std::vector<Unit> units(std::uint64_t target) const override {
    std::vector<Unit> units;
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      Table const& table = tables_[t];
      double const weight = sample_bytes_per_row_byte(table);
      auto const stride =
          static_cast<std::uint64_t>(std::max(1.0, static_cast<double>(target) / weight));
      for (std::uint64_t begin = table.first_row; begin < table.bytes; begin += stride) {
        std::uint64_t const end = table.bytes - begin > stride ? begin + stride : table.bytes;
        auto const bytes = static_cast<std::uint64_t>(weight * static_cast<double>(end - begin));
        units.push_back({t, begin, end, bytes});
      }
    }
    return units;
  }

  std::string identity() const override {
    std::string text = "table label=" + label_;
    for (Table const& table : tables_)
      text += fmt::format("\n{} {} {}", table.path.filename().string(), stamp_of(table.path),
                          std::filesystem::weakly_canonical(table.root).string());
    return text;
  }

  /// The rows that begin in [begin, end).
  void read(Unit const& unit, Sink& sink) const override {
    Table const& table = tables_[unit.input];
    File const file = File::open_read(table.path);
    std::string line;
    bool const after_header = unit.begin == table.first_row;
    Lines lines(file, after_header ? unit.begin : unit.begin - 1);
    if (!after_header) lines.next(line);  // the rest of a row that began before
    while (lines.position() < unit.end) {
      std::uint64_t const position = lines.position();
      if (!lines.next(line)) break;
      std::string_view const row = without_line_end(line);
      if (!row.empty() && !read_row(table, row, position, sink)) return;
    }
  }

 private:
  static Table open(std::filesystem::path const& path, SourceOptions const& options) {
    File const file = File::open_read(path);
    Table table{path,
                options.media_root.empty() ? path.parent_path() : options.media_root,
                file.size(),
                0,
                {}};
    if (table.root.empty()) table.root = ".";
    Lines lines(file, 0);
    std::string header;
    lines.next(header);
    table.first_row = lines.position();
    auto const names = split(without_line_end(header), std::numeric_limits<std::size_t>::max());
    table.columns.count = names.size();
    auto const find = [&](std::initializer_list<std::string_view> candidates) {
      for (std::string_view const candidate : candidates)
        if (auto const it = std::find(names.begin(), names.end(), candidate); it != names.end())
          return static_cast<int>(it - names.begin());
      return -1;
    };
    Columns& c = table.columns;
    c.key = find({"image_id", "uniq_id", "id", "key"});
    c.label = options.label.empty() ? -1 : find({options.label});
    // Captions decide what is held out, whether or not they are kept.
    if (int const text = find({"caption", "text"}); text >= 0) c.items["text"] = text;
    for (std::string const& modality : options.modalities)
      if (int const column = find({modality});
          column >= 0 && item_kind(modality) != ItemKind::caption)
        c.items[modality] = column;
    bool const asks_caption = std::ranges::count(options.modalities, "text") > 0,
               media = c.items.size() > c.items.count("text");
    if (c.key < 0 || (c.label < 0 && !options.label.empty()) ||
        (asks_caption && !c.items.contains("text")) || (!media && holds_media(options.modalities)))
      throw DataError(fmt::format(
          "{}: its first line must name the columns, separated by tabs: image_id (or uniq_id, id, "
          "key), caption (or text), and {}{}",
          path.string(), list_some(options.modalities),
          options.label.empty() ? "" : ", and '" + options.label + "'"));
    return table;
  }

  /// How large a sample is for each byte of its row, from the first rows: a path stands for much
  /// more than itself.
  double sample_bytes_per_row_byte(Table const& table) const {
    File const file = File::open_read(table.path);
    Lines lines(file, table.first_row);
    std::string line;
    double row_bytes = 0, sample_bytes = 0;
    for (int i = 0; i < 64 && lines.next(line); ++i) {
      row_bytes += static_cast<double>(line.size() + 1);
      auto const fields = split(without_line_end(line), table.columns.count);
      for (auto const& [modality, column] : table.columns.items) {
        if (item_kind(modality) == ItemKind::caption ||
            static_cast<std::size_t>(column) >= fields.size())
          continue;
        std::string_view const cell = fields[static_cast<std::size_t>(column)];
        std::error_code missing;
        auto const bytes = cell.size() < 4096
                               ? std::filesystem::file_size(table.root / cell, missing)
                               : cell.size();
        if (!missing) sample_bytes += static_cast<double>(bytes);
      }
    }
    return std::max(1.0, sample_bytes / std::max(1.0, row_bytes));
  }

  bool read_row(Table const& table, std::string_view row, std::uint64_t position,
                Sink& sink) const {
    auto const fields = split(row, table.columns.count);
    std::string const where =
        fmt::format("{} at byte {}", table.path.filename().string(), position);
    if (fields.size() < table.columns.count) {
      sink.drop(where, std::string(fields.front().substr(0, 255)), "row with too few fields",
                fmt::format("{} of {}", fields.size(), table.columns.count));
      return true;
    }
    auto const field = [&](int column) {
      return std::string(fields[static_cast<std::size_t>(column)]);
    };
    Candidate candidate;
    candidate.key = field(table.columns.key);
    candidate.where = where;
    if (table.columns.label >= 0) candidate.label = field(table.columns.label);
    try {
      for (auto const& [modality, column] : table.columns.items)
        candidate.items[modality] =
            item_kind(modality) == ItemKind::caption ? field(column) : media(table, field(column));
    } catch (DataError const& error) {
      sink.drop(where, candidate.key, "file that cannot be read", error.what());
      return true;
    }
    return sink.sample(std::move(candidate));
  }

  /// A cell with media in it, or the file it names: below the root, whatever links there are.
  std::string media(Table const& table, std::string const& cell) const {
    if (auto bytes = decode_base64(cell))
      if (media_kind(std::as_bytes(std::span(*bytes))) != MediaKind::unknown)
        return std::move(*bytes);
    if (cell.empty() || cell.size() >= 4096)
      throw DataError(fmt::format("{} bytes that are neither a path nor base64 of a known format",
                                  cell.size()));
    return read_below(table.root, cell, max_media_bytes, "; use --media-root if that is meant");
  }

  std::vector<Table> tables_;
  std::string label_;
};

}  // namespace

std::unique_ptr<Source> open_tables(std::vector<std::filesystem::path> const& tables,
                                    SourceOptions const& options) {
  return std::make_unique<TableSource>(tables, options);
}

}  // namespace accord::io
