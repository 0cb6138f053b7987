#include "io/dataset/source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "io/dataset/input/archive_bytes.hpp"
#include "io/dataset/input/listing.hpp"
#include "io/dataset/input/open.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

using Kind = SourceOptions::Kind;

enum class FileKind : std::uint8_t { archive, foreign_archive, table, foreign_table, other };

FileKind file_kind(std::string_view name) {
  return is_archive_name(name)           ? FileKind::archive
         : is_foreign_archive_name(name) ? FileKind::foreign_archive
         : has_extension(name, {".tsv"}) ? FileKind::table
         : has_extension(name, {".tsv.gz", ".tsv.zst", ".tsv.bz2", ".tsv.xz"})
             ? FileKind::foreign_table
             : FileKind::other;
}

/// Everything that --from names.
struct Input {
  struct File {
    std::filesystem::path path;
    std::string name;  ///< for reports
    FileKind kind;
    bool deep;  ///< in a folder below the one that was given
  };
  std::vector<File> files;
  std::vector<FolderListing> folders;

  bool any(FileKind kind, bool deep) const {
    return std::ranges::any_of(
        files, [&](File const& file) { return file.kind == kind && file.deep == deep; });
  }
};

Input look_through(std::vector<std::filesystem::path> const& from) {
  Input input;
  for (auto const& path : from) {
    if (!std::filesystem::is_directory(path)) {
      input.files.push_back({path, path.filename().string(), file_kind(path.string()), false});
      continue;
    }
    FolderListing listing = list_folder(path);
    for (std::string const& name : listing.files)
      input.files.push_back(
          {path / name, name, file_kind(name), name.find('/') != std::string::npos});
    input.folders.push_back(std::move(listing));
  }
  return input;
}

Kind chosen_kind(Input const& input, SourceOptions const& options) {
  if (options.kind != Kind::automatic) return options.kind;
  if (input.any(FileKind::archive, false)) return Kind::tar;
  if (input.any(FileKind::table, false)) return Kind::table;
  bool const media = std::ranges::any_of(input.files, [&](Input::File const& file) {
    auto const item = item_file(file.name, options.modalities);
    return item && item->modality != "text";
  });
  if (!media && input.any(FileKind::archive, true)) return Kind::tar;
  if (!media && input.any(FileKind::table, true)) return Kind::table;
  return Kind::folder;
}

/// The files of one kind; what else there is goes to the notes.
std::vector<std::filesystem::path> chosen_files(Input const& input, FileKind kind,
                                                InputNotes& notes) {
  char const* const name = kind == FileKind::archive ? "archive" : "table";
  bool const above = input.any(kind, false);
  std::vector<std::filesystem::path> chosen;
  for (FolderListing const& folder : input.folders) add(notes.left_out, folder.left_out);
  for (Input::File const& file : input.files) {
    if (file.kind == kind && file.deep && above) {
      notes.left_out[fmt::format("{} in a sub-folder: give that with --from too", name)].add(
          file.name);
    } else if (file.kind == kind) {
      bool const packed = kind == FileKind::archive && !has_extension(file.name, {".tar"});
      notes.used[fmt::format("{}{}", packed ? "gzip " : "", name)].add(file.name);
      chosen.push_back(file.path);
    } else if (file.kind == FileKind::foreign_archive || file.kind == FileKind::foreign_table) {
      notes.left_out[foreign_file].add(file.name);
    } else if (kind == FileKind::archive) {
      notes.left_out["file that is no archive"].add(file.name);
    } else if (file.kind == FileKind::archive) {  // tables may name whatever else lies there
      notes.left_out["archive beside tables"].add(file.name);
    }
  }
  return chosen;
}

}  // namespace

std::string stamp_of(std::filesystem::path const& file) {
  return fmt::format("{} {}", std::filesystem::file_size(file),
                     std::filesystem::last_write_time(file).time_since_epoch().count());
}

std::unique_ptr<Source> open_source(SourceOptions const& options) {
  if (options.from.empty()) throw UsageError("--from: nothing to build from");
  for (auto const& path : options.from)
    if (!std::filesystem::exists(path))
      throw DataError(fmt::format("{}: no such file or folder", path.string()));

  Input input = look_through(options.from);
  Kind const kind = chosen_kind(input, options);
  std::string const from = options.from.front().string();
  if (kind == Kind::folder && options.from.size() == 1 && input.folders.size() == 1)
    return open_folder(std::move(input.folders.front()), options);

  InputNotes notes;
  bool const tars = kind == Kind::tar;
  auto files = chosen_files(
      input, tars || kind == Kind::folder ? FileKind::archive : FileKind::table, notes);
  if (kind == Kind::folder)
    throw UsageError(
        fmt::format("{}: give .tar files, .tsv files, or one folder of media with captions{}", from,
                    most_frequent(notes.left_out)));
  if (files.empty())
    throw DataError(fmt::format("{}: no {} file there{}", from, tars ? ".tar" : ".tsv",
                                most_frequent(notes.left_out)));
  auto source = tars ? open_tars(std::move(files), options) : open_tables(files, options);
  source->notes = std::move(notes);
  return source;
}

}  // namespace accord::io
