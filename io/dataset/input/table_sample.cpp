#include "io/dataset/input/table_sample.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/printable.hpp"
#include "io/dataset/base64.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/media_file.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

constexpr std::size_t max_rows_of_sample = 1000;
constexpr std::uint64_t max_sample_bytes = 1 << 30;
constexpr std::size_t max_file_name_bytes = 255;

Hash128 hash_of(std::string_view cell) { return hash128(std::as_bytes(std::span(cell))); }

bool can_be_path(std::string_view cell) {
  if (cell.empty() || cell.size() >= max_path_bytes) return false;
  for (std::size_t begin = 0; begin < cell.size();) {
    std::size_t const end = std::min(cell.find('/', begin), cell.size());
    if (end - begin > max_file_name_bytes) return false;
    begin = end + 1;
  }
  return true;
}

/// The base64 of a cell that is a data: URL (RFC 2397), else the cell.
std::string_view content_of(std::string_view cell) {
  if (!cell.starts_with("data:")) return cell;
  std::size_t const comma = std::min(cell.find(','), cell.size());
  if (cell.substr(0, comma).find(";base64") == std::string_view::npos)
    throw DataError(fmt::format("'{}': a data: URL that is not base64", printable(cell, 60)));
  return cell.substr(std::min(comma + 1, cell.size()));
}

/// A cell with media in it, or the file it names: below the root, whatever links there are.
std::string media(Table const& table, std::string const& cell) {
  std::string_view const content = content_of(cell);
  if (auto bytes = decode_base64(content))
    if (media_kind(std::as_bytes(std::span(*bytes))) != MediaKind::unknown)
      return std::move(*bytes);
  std::string const shown = printable(cell, 60);
  if (content.size() != cell.size())
    throw DataError(fmt::format("'{}': a data: URL that holds no known format", shown));
  if (cell.starts_with("http://") || cell.starts_with("https://"))
    throw DataError(fmt::format("'{}': a web address: fetch it first, as img2dataset does", shown));
  if (!can_be_path(cell))
    throw DataError(fmt::format("'{}': neither a path nor base64 of a known format",
                                cell.empty() ? "" : shown));
  return read_below(table.root, cell, max_media_bytes, "; use --media-root if that is meant");
}

}  // namespace

TableSample::TableSample(Table const& table, std::string const& key, std::uint64_t position,
                         Sink& sink)
    : table_(table), sink_(sink) {
  candidate_.key = key;
  candidate_.where = where(position);
}

std::string TableSample::where(std::uint64_t position) const {
  return fmt::format("{} at byte {}", table_.path.filename().string(), position);
}

bool TableSample::is_known(std::string const& modality, std::string_view cell) const {
  auto const known = cells_.find(modality);
  return known != cells_.end() && std::ranges::count(known->second, hash_of(cell)) > 0;
}

void TableSample::add(std::vector<std::string_view> const& row, std::uint64_t position) {
  TableColumns const& columns = table_.columns;
  auto const drop = [&](char const* reason, std::string const& detail) {
    sink_.drop(where(position), candidate_.key, reason, detail);
  };
  if (row.size() < columns.count)
    return drop("row with too few fields", fmt::format("{} of {}", row.size(), columns.count));
  if (rows_ == max_rows_of_sample || bytes_ > max_sample_bytes)
    return drop("row beyond what one sample may hold",
                fmt::format("{} rows, {} bytes", rows_, bytes_));
  auto const value_of = [&](std::string const& name) -> std::optional<std::string> {
    std::string value = field(row, columns.fields.at(name));
    if (value.empty()) return std::nullopt;
    return value;
  };
  if (auto const reason = broken_condition(table_.conditions, value_of))
    return sink_.ignore(*reason, where(position) + ": " + candidate_.key);
  if (columns.label >= 0 && candidate_.label && *candidate_.label != field(row, columns.label))
    return drop("row with another label than the first of its id", field(row, columns.label));
  std::map<std::string, std::string> fresh;
  try {
    for (auto const& [modality, column] : columns.items)
      if (std::string const cell = field(row, column);
          item_kind(modality) != ItemKind::caption && !is_known(modality, cell))
        fresh[modality] = media(table_, cell);
  } catch (DataError const& error) {
    return drop("file that cannot be read", error.what());
  }
  ++rows_;
  if (columns.label >= 0) candidate_.label = field(row, columns.label);
  bool brings_media = false;
  for (auto& [modality, bytes] : fresh) {
    cells_[modality].push_back(hash_of(field(row, columns.items.at(modality))));
    auto& items = candidate_.items[modality];
    if (std::ranges::count(items, bytes) > 0) continue;  // one file by two names
    bytes_ += bytes.size();
    brings_media = true;
    items.push_back(std::move(bytes));
  }
  if (auto const text = columns.items.find("text"); text != columns.items.end()) {
    auto& captions = candidate_.items["text"];
    std::string caption = field(row, text->second);
    if (brings_media && std::ranges::count(captions, caption) > 0) return;
    bytes_ += caption.size();
    captions.push_back(std::move(caption));
  }
}

bool TableSample::finish() { return rows_ == 0 || sink_.sample(std::move(candidate_)); }

}  // namespace accord::io
