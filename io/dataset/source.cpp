#include "io/dataset/source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"

namespace accord::io {
namespace {

/// The path itself, or the files with this extension directly in it, sorted.
std::vector<std::filesystem::path> files_with(std::filesystem::path const& path,
                                              char const* extension) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (auto const& entry : std::filesystem::directory_iterator(path))
      if (entry.path().extension() == extension && entry.is_regular_file())
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
  } else if (path.extension() == extension) {
    files.push_back(path);
  }
  return files;
}

std::vector<std::filesystem::path> files_with(std::vector<std::filesystem::path> const& paths,
                                              char const* extension) {
  std::vector<std::filesystem::path> all;
  for (auto const& path : paths) {
    auto const files = files_with(path, extension);
    all.insert(all.end(), files.begin(), files.end());
  }
  return all;
}

}  // namespace

std::string stamp_of(std::filesystem::path const& file) {
  return fmt::format("{} {}", std::filesystem::file_size(file),
                     std::filesystem::last_write_time(file).time_since_epoch().count());
}

std::unique_ptr<Source> open_source(SourceOptions const& options) {
  using Kind = SourceOptions::Kind;
  if (options.from.empty()) throw UsageError("--from: nothing to build from");
  for (auto const& path : options.from)
    if (!std::filesystem::exists(path))
      throw DataError(fmt::format("{}: no such file or folder", path.string()));

  auto tars = files_with(options.from, ".tar");
  auto const tables = files_with(options.from, ".tsv");
  Kind kind = options.kind;
  if (kind == Kind::automatic)
    kind = !tars.empty() ? Kind::tar : !tables.empty() ? Kind::table : Kind::folder;
  std::string const from = options.from.front().string();
  switch (kind) {
    case Kind::tar:
      if (tars.empty()) throw DataError(fmt::format("{}: no .tar file there", from));
      return open_tars(std::move(tars), options);
    case Kind::table:
      if (tables.empty()) throw DataError(fmt::format("{}: no .tsv file there", from));
      return open_tables(tables, options);
    default:
      if (options.from.size() != 1 || !std::filesystem::is_directory(options.from.front()))
        throw UsageError(fmt::format(
            "{}: give .tar files, .tsv files, or one folder of media with captions", from));
      return open_folder(options.from.front(), options);
  }
}

}  // namespace accord::io
