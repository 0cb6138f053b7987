#include "io/checkpoint/directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/base/error.hpp"
#include "io/file/file.hpp"

namespace accord::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "step-", unfinished_suffix = ".tmp",
                           replaced_suffix = ".replaced";

void rename_or_throw(fs::path const& from, fs::path const& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error)
    throw IoError(
        fmt::format("{}: rename to {} failed: {}", from.string(), to.string(), error.message()));
}

std::vector<fs::path> entries_of(fs::path const& directory) {
  std::error_code error;
  std::vector<fs::path> entries;
  fs::directory_iterator it(directory, error);
  if (error == std::errc::no_such_file_or_directory) return entries;
  for (; !error && it != fs::directory_iterator(); it.increment(error))
    entries.push_back(it->path());
  if (error)
    throw IoError(fmt::format("{}: listing failed: {}", directory.string(), error.message()));
  return entries;
}

/// The step of a folder of ours; empty where the name is not one that this library gives.
std::optional<Index> step_of(std::string const& name, std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  std::string const digits =
      name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  Index step = 0;
  auto const [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  if (code != std::errc() || step < 0 || digits != fmt::format("{:08}", step)) return std::nullopt;
  return step;
}

/// The step that a checkpoint's folder is named after, whether it stands or is being replaced.
std::optional<Index> step_of(fs::path const& folder) {
  fs::path const normal = folder.lexically_normal();  // "step-00000002/" ends in an empty name
  std::string const name =
      normal.has_filename() ? normal.filename() : normal.parent_path().filename();
  std::optional<Index> const step = step_of(name, "");
  return step ? step : step_of(name, replaced_suffix);
}

/// Of a name that nobody reads. Empty, or why something is left.
std::string remove_remains(fs::path const& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (!error) return "";
  return fmt::format(
      "{}: cannot be removed: {}; it takes space, and nothing reads it: the next start "
      "tries again",
      folder.string(), error.message());
}

}  // namespace

fs::path step_folder(fs::path const& directory, Index step) {
  return directory / fmt::format("{}{:08}", prefix, step);
}

std::vector<StepFolder> list_checkpoints(fs::path const& directory) {
  std::vector<StepFolder> found;
  for (fs::path const& path : entries_of(directory))
    if (std::optional<Index> const step = step_of(path)) found.push_back({*step, path});
  std::sort(found.begin(), found.end(), [](StepFolder const& a, StepFolder const& b) {
    return a.step != b.step ? a.step > b.step : a.path < b.path;
  });
  return found;
}

OpenCheckpoint open_checkpoint(fs::path const& folder) {
  OpenCheckpoint checkpoint{folder, read_manifest(folder)};
  Index const step = checkpoint.manifest.step;
  // Under a name of the user's own it may be of any step.
  if (std::optional<Index> const named = step_of(folder); named && *named != step)
    throw DataError(fmt::format("{}: its manifest is of step {}", folder.string(), step));
  for (CheckpointFile const& file : checkpoint.manifest.files) {
    fs::path const path = folder / file.name;
    std::uint64_t const bytes = File::open_read(path).size();
    if (bytes != file.bytes)
      throw DataError(fmt::format("{}: {} bytes, the manifest says {}; the file is damaged",
                                  path.string(), bytes, file.bytes));
  }
  return checkpoint;
}

std::optional<OpenCheckpoint> open_next(std::vector<StepFolder> const& found, std::size_t& next,
                                        Announce const& announce, Unusable const& unusable) {
  while (next < found.size()) {
    StepFolder const& candidate = found[next++];
    try {
      return open_checkpoint(candidate.path);
    } catch (Error const& error) {
      if (unusable) unusable(candidate.path);
      if (announce)
        announce(
            fmt::format("checkpoint {} is not usable: {}", candidate.path.string(), error.what()));
    }
  }
  return std::nullopt;
}

DataError none_usable(fs::path const& directory) {
  return DataError(
      fmt::format("{}: holds checkpoints, but none is usable; restore one, or move them away to "
                  "start from the beginning",
                  directory.string()));
}

std::optional<OpenCheckpoint> find_newest(fs::path const& directory, Announce const& announce,
                                          std::set<fs::path> const& except) {
  std::vector<StepFolder> found = list_checkpoints(directory);
  std::erase_if(found, [&](StepFolder const& one) { return except.contains(one.path); });
  std::size_t next = 0;
  std::optional<OpenCheckpoint> newest = open_next(found, next, announce);
  if (!newest && !(found.empty() && except.empty())) throw none_usable(directory);
  return newest;
}

OpenCheckpoint open_or_find(fs::path const& path, Announce const& announce,
                            std::set<fs::path> const& except) {
  std::error_code error;
  if (fs::exists(path / manifest_name, error)) return open_checkpoint(path);
  if (std::optional<OpenCheckpoint> newest = find_newest(path, announce, except))
    return *std::move(newest);
  throw DataError(fmt::format("{}: neither a checkpoint ({} in it) nor a folder of checkpoints",
                              path.string(), manifest_name));
}

std::vector<std::string> remove_unfinished(fs::path const& directory) {
  std::vector<std::string> failures;
  for (fs::path const& path : entries_of(directory)) {
    std::string const name = path.filename();
    bool const ours = step_of(name, unfinished_suffix) ||
                      step_of(name, std::string(replaced_suffix) + std::string(unfinished_suffix));
    if (!ours) continue;
    if (std::string failure = remove_remains(path); !failure.empty())
      failures.push_back(std::move(failure));
  }
  return failures;
}

// First it gets a name nobody reads: a kill in the middle leaves no half checkpoint behind.
std::string remove_checkpoint(fs::path const& folder) {
  fs::path const doomed = folder.string() + std::string(unfinished_suffix);
  rename_or_throw(folder, doomed);
  return remove_remains(doomed);
}

void publish(fs::path const& unfinished, fs::path const& directory, Index step) {
  fs::path const finished = step_folder(directory, step);
  fs::path const replaced = finished.string() + std::string(replaced_suffix);
  std::error_code error;
  if (fs::exists(finished, error)) {
    // Both names are taken when an earlier replacement ended before its clean-up: then the old one
    // can go.
    if (fs::exists(replaced, error)) remove_checkpoint(replaced);
    rename_or_throw(finished, replaced);
  }
  rename_or_throw(unfinished, finished);
  sync_directory(directory);
}

}  // namespace accord::io
