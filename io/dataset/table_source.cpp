// Tab-separated tables (docs/model.md 3.1): one header line, then one row for each item that a
// sample has, or for each sample.

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/printable.hpp"
#include "io/dataset/input/table_rows.hpp"
#include "io/dataset/input/table_sample.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/media_file.hpp"
#include "io/dataset/source.hpp"
#include "io/file/list_some.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

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

  /// The ids whose first row begins in [begin, end).
  void read(Unit const& unit, Sink& sink) const override {
    Table const& table = tables_[unit.input];
    File const file = File::open_read(table.path);
    TableRows rows(file, table.index.start_before(unit.begin), table.columns.count);
    std::vector<std::string_view> row;
    std::optional<TableSample>
        sample;  // none: the rows now read are another unit's, or read already
    std::string key;
    std::uint64_t first = 0;  // row of the sample
    for (std::uint64_t begin = rows.position(); rows.next(row); begin = rows.position()) {
      if (is_blank_row(row)) continue;
      if (key.empty() || key_of(table, row) != key) {
        if (sample && !finish(table, file, first, *sample, sink)) return;
        sample.reset();
        if (begin >= unit.end) return;
        key = key_of(table, row);
        first = begin;
        if (begin >= unit.begin && !table.index.later.contains(begin))
          sample.emplace(table, shown_key(table, row), begin, sink);
      }
      if (sample) sample->add(row, begin);
    }
    if (sample) finish(table, file, first, *sample, sink);
  }

 private:
  static Table open(std::filesystem::path const& path, SourceOptions const& options);

  static std::string key_of(Table const& table, std::vector<std::string_view> const& row) {
    return row.size() < table.columns.count ? "" : field(row, table.columns.key);
  }
  static std::string shown_key(Table const& table, std::vector<std::string_view> const& row) {
    return row.size() < table.columns.count ? std::string(row.front().substr(0, 255))
                                            : key_of(table, row);
  }

  /// Adds what the table has elsewhere of the sample that began at `first`, and ends it.
  static bool finish(Table const& table, File const& file, std::uint64_t first, TableSample& sample,
                     Sink& sink) {
    auto const others = table.index.others.find(first);
    if (others == table.index.others.end()) return sample.finish();
    std::vector<TableSample> strangers;  // their ids only have the same hash
    for (std::uint64_t const run : others->second) {
      TableRows rows(file, run, table.columns.count);
      std::vector<std::string_view> row;
      std::string key;
      for (std::uint64_t begin = run; rows.next(row); begin = rows.position()) {
        if (is_blank_row(row)) continue;
        if (begin == run) key = key_of(table, row);
        if (key_of(table, row) != key) break;
        if (begin == run && key != sample.key()) strangers.emplace_back(table, key, run, sink);
        (key == sample.key() ? sample : strangers.back()).add(row, begin);
      }
    }
    bool more = sample.finish();
    for (TableSample& stranger : strangers) more = more && stranger.finish();
    return more;
  }

  /// How large a sample is for each byte of its rows, from the first rows: a path stands for much
  /// more than itself, and of several rows with one id only the first brings its media.
  static double sample_bytes_per_row_byte(Table const& table) {
    File const file = File::open_read(table.path);
    TableRows rows(file, table.first_row, table.columns.count);
    std::vector<std::string_view> row;
    std::string key;
    double row_bytes = 0, sample_bytes = 0;
    for (int i = 0; i < 64 && rows.next(row); ++i) {
      row_bytes = static_cast<double>(rows.position() - table.first_row);
      if (row.size() < table.columns.count || key_of(table, row) == key) continue;
      key = key_of(table, row);
      for (auto const& [modality, column] : table.columns.items) {
        if (item_kind(modality) == ItemKind::caption) continue;
        std::string const cell = field(row, column);
        std::error_code missing;
        auto const bytes = cell.size() < max_path_bytes
                               ? std::filesystem::file_size(table.root / cell, missing)
                               : cell.size();
        if (!missing) sample_bytes += static_cast<double>(bytes);
      }
    }
    return std::max(1.0, sample_bytes / std::max(1.0, row_bytes));
  }

  std::vector<Table> tables_;
  std::string label_;
};

Table TableSource::open(std::filesystem::path const& path, SourceOptions const& options) {
  require_readable(path);
  File const file = File::open_read(path);
  std::string head(std::min<std::uint64_t>(4096, file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(head)));
  plain_text(head, path.string());  // throws
  Table table{path,        options.media_root.empty() ? path.parent_path() : options.media_root,
              file.size(), 0,
              {},          options.where,
              {}};
  if (table.root.empty()) table.root = ".";
  TableRows header(file, 0, any_number);
  std::vector<std::string_view> names;
  header.next(names);
  table.first_row = header.position();
  table.columns.count = names.size();
  auto const find = [&](std::initializer_list<std::string_view> candidates) {
    for (std::string_view const candidate : candidates)
      if (auto const it = std::find(names.begin(), names.end(), candidate); it != names.end())
        return static_cast<int>(it - names.begin());
    return -1;
  };
  TableColumns& c = table.columns;
  c.key = find({"image_id", "uniq_id", "id", "key"});
  c.label = options.label.empty() ? -1 : find({options.label});
  // Captions decide what is held out, whether or not they are kept.
  if (int const text = find({"caption", "text"}); text >= 0) c.items["text"] = text;
  for (std::string const& modality : options.modalities)
    if (int const column = find({modality});
        column >= 0 && item_kind(modality) != ItemKind::caption)
      c.items[modality] = column;
  for (Condition const& condition : options.where)
    if (int const column = find({condition.field()}); column >= 0)
      c.fields[condition.field()] = column;
    else
      throw DataError(fmt::format("{}: has no column '{}', which --where '{}' asks for",
                                  path.string(), condition.field(), condition.text()));
  bool const asks_caption = std::ranges::count(options.modalities, "text") > 0,
             media = c.items.size() > c.items.count("text");
  if (c.key < 0 || (c.label < 0 && !options.label.empty()) ||
      (asks_caption && !c.items.contains("text")) || (!media && holds_media(options.modalities))) {
    std::vector<std::string> found;
    for (std::string_view const name : names) found.push_back(printable(name, 40));
    throw DataError(fmt::format(
        "{}: its first line must name the columns, separated by tabs: image_id (or uniq_id, id, "
        "key), caption (or text), and {}{}; it has: {}",
        path.string(), list_some(options.modalities),
        options.label.empty() ? "" : ", and '" + options.label + "'", list_some(found)));
  }
  table.index = index_table(file, table.first_row, c.count, static_cast<std::size_t>(c.key));
  return table;
}

}  // namespace

std::unique_ptr<Source> open_tables(std::vector<std::filesystem::path> const& tables,
                                    SourceOptions const& options) {
  return std::make_unique<TableSource>(tables, options);
}

}  // namespace accord::io
