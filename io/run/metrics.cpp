#include "io/run/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"

namespace accord::io {
namespace {

using Json = nlohmann::ordered_json;

/// Calls visit(line number, text, whether a newline ends it) for each line. The file of a long run
/// may be larger than memory.
template <class Visit>
void for_each_line(std::filesystem::path const& path, Visit&& visit) {
  std::ifstream file(path);
  if (!std::filesystem::is_regular_file(path) || !file)
    throw DataError(fmt::format("{}: not a file that can be read", path.string()));
  std::size_t number = 1;
  for (std::string line; std::getline(file, line);) visit(number++, line, !file.eof());
  if (file.bad()) throw IoError(fmt::format("{}: reading failed", path.string()));
}

/// A crash of the machine leaves zeros where a line was to be, and the next line right behind them.
Json object_of(std::string const& line) {
  return try_parse_json<Json>(line.substr(std::min(line.find_first_not_of('\0'), line.size())));
}

std::optional<double> step_of_line(std::string const& line) {
  Json const object = object_of(line);
  if (!object.is_object()) return std::nullopt;
  auto const step = object.find("step");
  if (step == object.end() || !step->is_number()) return std::nullopt;
  return step->get<double>();
}

KeptBytes lines_up_to_step(std::filesystem::path const& path, std::int64_t step) {
  KeptBytes kept;
  std::uintmax_t begin = 0;
  std::vector<std::size_t> unreadable;
  for_each_line(path, [&](std::size_t number, std::string const& line, bool whole) {
    std::uintmax_t const end = begin + line.size() + (whole ? 1 : 0);
    std::optional<double> const at = step_of_line(line);
    if (at ? *at <= static_cast<double>(step) : whole) kept.keep(begin, end);
    if (!at && whole) unreadable.push_back(number);
    begin = end;
  });
  if (!unreadable.empty())
    kept.notice = fmt::format(
        "{}: line {}{} has no step that can be read; it stays, and so do those behind it up to "
        "step "
        "{}",
        path.string(), unreadable.front(),
        unreadable.size() > 1 ? fmt::format(" (and {} others)", unreadable.size() - 1) : "", step);
  return kept;
}

/// So that what is appended begins a line. An empty file does, and what is no file.
bool ends_in_newline(std::filesystem::path const& path) {
  if (!std::filesystem::is_regular_file(path) || std::filesystem::file_size(path) == 0) return true;
  File const file = File::open_read(path);
  std::byte last{};
  file.read_at(file.size() - 1, {&last, 1});
  return last == std::byte{'\n'};
}

FileHandle open_to_append(std::filesystem::path const& path) {
  FileHandle file(std::fopen(path.c_str(), "a"));
  if (!file)
    throw IoError(
        fmt::format("{}: cannot be opened for writing: {}", path.string(), std::strerror(errno)));
  return file;
}

void write_kept(std::filesystem::path const& path, KeptBytes const& kept) {
  std::filesystem::path const unfinished = path.string() + ".tmp";
  File const from = File::open_read(path);
  File to = File::open_write(unfinished);
  to.resize(0);
  std::vector<std::byte> buffer;
  std::uintmax_t at = 0;
  for (auto [begin, end] : kept.ranges())
    while (begin < end) {
      buffer.resize(std::min<std::uintmax_t>(1 << 20, end - begin));
      from.read_at(begin, buffer);
      to.write_at(at, buffer);
      begin += buffer.size();
      at += buffer.size();
    }
  to.sync();
  rename_durably(unfinished, path);
}

}  // namespace

std::string to_json(MetricsLine const& line) {
  std::string out = "{";
  for (auto const& [name, value] : line) {
    out += fmt::format("{}\"{}\": ", out.size() > 1 ? ", " : "", name);
    if (auto const* integer = std::get_if<std::int64_t>(&value))
      out += fmt::format("{}", *integer);
    else if (double const number = std::get<double>(value); std::isfinite(number))
      out += number == std::trunc(number) && std::abs(number) < 1e15 ? fmt::format("{:.1f}", number)
                                                                     : fmt::format("{}", number);
    else
      out += "null";
  }
  return out + "}\n";
}

void KeptBytes::keep(std::uintmax_t begin, std::uintmax_t end) {
  if (!ranges_.empty() && ranges_.back().second == begin)
    ranges_.back().second = end;
  else if (begin < end)
    ranges_.emplace_back(begin, end);
}

std::uintmax_t KeptBytes::bytes() const {
  std::uintmax_t bytes = 0;
  for (auto const& [begin, end] : ranges_) bytes += end - begin;
  return bytes;
}

FileHandle open_to_continue(std::filesystem::path const& path,
                            std::function<KeptBytes()> const& sort, Notice const& notice) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  if (std::filesystem::is_regular_file(path)) {
    KeptBytes const kept = sort();
    if (notice && !kept.notice.empty()) notice(kept.notice);
    std::uintmax_t const size = std::filesystem::file_size(path), stays = kept.bytes();
    bool const front = stays == 0 || (kept.ranges().size() == 1 && kept.ranges()[0].first == 0);
    if (!front)
      write_kept(path, kept);
    else if (stays < size)
      std::filesystem::resize_file(path, stays);
  }
  return open_to_append(path);
}

FileHandle open_to_append_lines(std::filesystem::path const& path) {
  bool const whole = ends_in_newline(path);
  FileHandle file = open_to_append(path);
  if (!whole) append_to(file, path, "\n");
  return file;
}

void append_to(FileHandle const& file, std::filesystem::path const& path,
               std::string const& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size() ||
      std::fflush(file.get()) != 0)
    throw IoError(fmt::format("{}: writing failed: {}", path.string(), std::strerror(errno)));
}

MetricsFile::MetricsFile(std::filesystem::path path, std::int64_t step, Notice const& notice)
    : path_(std::move(path)),
      file_(open_to_continue(
          path_, [&] { return lines_up_to_step(path_, step); }, notice)) {
  // A line whose end is missing was kept because it can be read.
  file_ = open_to_append_lines(path_);
}

void MetricsFile::write(std::string const& line) { append_to(file_, path_, line); }

std::vector<double> const* MetricsTable::find(std::string const& name) const {
  auto const it = columns.find(name);
  return it == columns.end() ? nullptr : &it->second;
}

MetricsTable read_metrics(std::filesystem::path const& path) {
  double const missing = std::numeric_limits<double>::quiet_NaN();
  MetricsTable table;
  std::size_t unreadable = 0;
  for_each_line(path, [&](std::size_t number, std::string const& line, bool) {
    Json const object = object_of(line);
    if (!object.is_object()) {
      if (unreadable == 0) unreadable = number;
      return;
    }
    for (auto const& [name, value] : object.items()) {
      if (!value.is_number()) continue;
      auto const [column, fresh] = table.columns.try_emplace(name, table.rows, missing);
      if (fresh) table.names.push_back(name);
      column->second.resize(table.rows, missing);
      column->second.push_back(value.get<double>());
    }
    ++table.rows;
  });
  if (table.rows == 0 && unreadable > 0)
    throw DataError(
        fmt::format("{}:{}: not a line of metrics (one JSON object)", path.string(), unreadable));
  for (auto& [name, column] : table.columns) column.resize(table.rows, missing);
  return table;
}

}  // namespace accord::io
