#include "io/run/metrics.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/file/json.hpp"

namespace accord::io {
namespace {

/// Calls visit(line number, text) for each line that ends in a newline; false stops. The file of a
/// long run may be larger than memory.
template <class Visit>
void for_each_line(std::filesystem::path const& path, Visit&& visit) {
  std::ifstream file(path);
  if (!std::filesystem::is_regular_file(path) || !file)
    throw DataError(fmt::format("{}: not a file that can be read", path.string()));
  std::size_t number = 1;
  for (std::string line; std::getline(file, line) && !file.eof();)
    if (!visit(number++, line)) return;
  if (file.bad()) throw IoError(fmt::format("{}: reading failed", path.string()));
}

/// Bytes of the lines of a run's first steps.
std::uintmax_t bytes_up_to_step(std::filesystem::path const& path, std::int64_t step) {
  std::uintmax_t kept = 0;
  for_each_line(path, [&](std::size_t, std::string const& line) {
    nlohmann::json const object = try_parse_json(line);
    if (!object.is_object() || !object.contains("step") || !object["step"].is_number_integer() ||
        object["step"].get<std::int64_t>() > step)
      return false;
    kept += line.size() + 1;
    return true;
  });
  return kept;
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

FileHandle open_to_continue(std::filesystem::path const& path,
                            std::function<std::uintmax_t()> const& keep) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  if (std::filesystem::is_regular_file(path)) std::filesystem::resize_file(path, keep());
  FileHandle file(std::fopen(path.c_str(), "a"));
  if (!file)
    throw IoError(
        fmt::format("{}: cannot be opened for writing: {}", path.string(), std::strerror(errno)));
  return file;
}

void append_to(FileHandle const& file, std::filesystem::path const& path,
               std::string const& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size() ||
      std::fflush(file.get()) != 0)
    throw IoError(fmt::format("{}: writing failed: {}", path.string(), std::strerror(errno)));
}

MetricsFile::MetricsFile(std::filesystem::path path, std::int64_t step)
    : path_(std::move(path)),
      file_(open_to_continue(path_, [&] { return bytes_up_to_step(path_, step); })) {}

void MetricsFile::write(std::string const& line) { append_to(file_, path_, line); }

std::vector<double> const* MetricsTable::find(std::string const& name) const {
  auto const it = columns.find(name);
  return it == columns.end() ? nullptr : &it->second;
}

MetricsTable read_metrics(std::filesystem::path const& path) {
  double const missing = std::numeric_limits<double>::quiet_NaN();
  MetricsTable table;
  for_each_line(path, [&](std::size_t number, std::string const& line) {
    auto const object = try_parse_json<nlohmann::ordered_json>(line);
    if (!object.is_object())
      throw DataError(
          fmt::format("{}:{}: not a line of metrics (one JSON object)", path.string(), number));
    for (auto const& [name, value] : object.items()) {
      if (!value.is_number()) continue;
      auto const [column, fresh] = table.columns.try_emplace(name, table.rows, missing);
      if (fresh) table.names.push_back(name);
      column->second.resize(table.rows, missing);
      column->second.push_back(value.get<double>());
    }
    ++table.rows;
    return true;
  });
  for (auto& [name, column] : table.columns) column.resize(table.rows, missing);
  return table;
}

}  // namespace accord::io
