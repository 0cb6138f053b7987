#include "io/file/unfinished_folder.hpp"

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "io/file/file.hpp"

namespace accord::io {
namespace {

constexpr char const* mark = ".unfinished";

}  // namespace

bool UnfinishedFolder::marked(std::filesystem::path const& folder) {
  return std::filesystem::exists(folder / mark);
}

UnfinishedFolder::UnfinishedFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
  write_file_atomically(folder_ / mark, "The files of this folder are being made.\n");
}

void UnfinishedFolder::finish() {
  std::error_code error;
  std::filesystem::remove(folder_ / mark, error);
  if (error)
    throw IoError(
        fmt::format("{}: cannot be removed: {}", (folder_ / mark).string(), error.message()));
  sync_directory(folder_);
}

}  // namespace accord::io
