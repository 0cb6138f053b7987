#include "io/dataset/input/listing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"

namespace accord::io {
namespace {

namespace fs = std::filesystem;

void list_below(fs::path const& folder, std::string const& prefix, FolderListing& listing) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entries.push_back(*it);
  if (error && prefix.empty())
    throw DataError(fmt::format("{}: {}", folder.string(), error.message()));
  if (error) return listing.left_out["folder that may not be opened"].add(prefix);
  std::sort(entries.begin(), entries.end());
  for (fs::directory_entry const& entry : entries) {
    std::string const base = entry.path().filename().string(), name = prefix + base;
    std::error_code unknown;
    bool const link = entry.is_symlink(unknown);
    if (base.starts_with('.'))
      listing.left_out[hidden_name].add(name);
    else if (entry.is_regular_file(unknown))
      listing.files.push_back(name);
    else if (entry.is_directory(unknown) && !link)
      list_below(entry.path(), name + "/", listing);
    else if (entry.is_directory(unknown))
      listing.left_out["linked folder, not followed"].add(name);
    else
      listing.left_out[link ? "link that leads nowhere" : "neither a file nor a folder"].add(name);
  }
}

}  // namespace

FolderListing list_folder(fs::path folder) {
  FolderListing listing;
  list_below(folder, "", listing);
  listing.folder = std::move(folder);
  return listing;
}

}  // namespace accord::io
