#include "io/dataset/media_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.hpp"
#include "io/file/file.hpp"

namespace accord::io {

void require_readable(std::filesystem::path const& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES)
    throw DataError(fmt::format("{}: no permission to read it", path.string()));
}

std::string read_below(std::filesystem::path const& root, std::string const& name,
                       std::uint64_t limit, char const* hint) {
  std::error_code error;
  auto const folder = std::filesystem::canonical(root, error);
  if (error) throw DataError(fmt::format("{}: {}", root.string(), error.message()));
  auto const path = std::filesystem::weakly_canonical(root / name, error);
  if (error) throw DataError(fmt::format("'{}': {}", name, error.message()));
  auto const [end, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  if (end != folder.end())
    throw DataError(fmt::format("'{}' lies outside {}{}", name, folder.string(), hint));
  require_readable(path);
  return read_file(path, limit);
}

}  // namespace accord::io
