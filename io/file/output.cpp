#include "io/file/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/persistence.hpp"

namespace accord::io {
namespace fs = std::filesystem;
namespace {

std::string named(fs::path const& path, std::string const& option) {
  return fmt::format("{} {}", option, path.string());
}

void require_no_dangling_link(fs::path const& path, std::string const& option) {
  std::error_code error;
  if (fs::is_symlink(path, error) && !fs::exists(path, error))
    throw IoError(fmt::format("{}: a link to {}, which does not exist", named(path, option),
                              fs::read_symlink(path, error).string()));
}

/// Files of these folders are names of what is open already, and are written, never replaced.
bool names_what_is_open(fs::path const& path) {
  std::string const text = path.string();
  return text.starts_with("/dev/") || text.starts_with("/proc/");
}

/// Makes a file in `folder` and removes it again.
void try_out(fs::path const& folder, std::string const& what) {
  fs::path const probe = folder / fmt::format(".accord-{}-probe", ::getpid());
  try {
    constexpr std::string_view text = "x";
    File file = File::open_write(probe);
    file.write_at(0, std::as_bytes(std::span(text)));
    file.sync();
    file.close();
  } catch (IoError const& error) {
    ::unlink(probe.c_str());
    throw IoError(fmt::format("{}: cannot be written: {}", what, error.what()));
  }
  ::unlink(probe.c_str());
}

}  // namespace

Output::Output(fs::path path, std::string const& option) : path_(std::move(path)), option_(option) {
  if (path_.empty()) throw UsageError(fmt::format("{}: an empty name; give a file", option));
  require_no_dangling_link(path_, option);
  struct stat status {};
  bool const exists = ::stat(path_.c_str(), &status) == 0;
  if (!exists && errno != ENOENT)
    throw IoError(fmt::format("{}: {}", named(path_, option), std::strerror(errno)));
  if (exists && S_ISDIR(status.st_mode))
    throw UsageError(fmt::format("{}: a folder; give a file", named(path_, option)));
  if (exists && (S_ISBLK(status.st_mode) || S_ISSOCK(status.st_mode)))
    throw UsageError(fmt::format("{}: a disk or a socket; give a file", named(path_, option)));
  stream_ = exists && (!S_ISREG(status.st_mode) || names_what_is_open(path_));
  if (stream_) return;
  if (exists) path_ = fs::canonical(path_);
  fs::path const folder = path_.has_parent_path() ? path_.parent_path() : ".";
  if (!fs::is_directory(folder))
    throw IoError(fmt::format("{}: there is no folder {}; make it, or give another name",
                              named(path_, option), folder.string()));
  try_out(folder, named(path_, option));
}

fs::path const& Output::seekable() const {
  if (stream_)
    throw UsageError(fmt::format("{}: a device or pipe, which cannot hold such a file; give a file",
                                 named(path_, option_)));
  return path_;
}

void Output::write(std::string_view content) const {
  if (!stream_) return write_file_atomically(path_, content);
  auto const fail = [&] {
    throw IoError(fmt::format("{}: write failed: {}", named(path_, option_), std::strerror(errno)));
  };
  int const descriptor =
      persistently([&] { return ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC); });
  if (descriptor < 0) fail();
  while (!content.empty()) {
    ssize_t const n =
        persistently([&] { return ::write(descriptor, content.data(), content.size()); });
    if (n < 0) {
      int const error = errno;
      ::close(descriptor);
      errno = error;
      fail();
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::close(descriptor) != 0 && errno != EINTR) fail();
}

void require_writable_folder(fs::path const& folder, std::string const& key) {
  if (folder.empty()) throw UsageError(fmt::format("{} is empty; give a folder", key));
  fs::path so_far, last = folder.is_absolute() ? fs::path("/") : fs::path(".");
  for (fs::path const& part : folder) {
    so_far /= part;
    require_no_dangling_link(so_far, key);
    std::error_code error;
    fs::file_status const status = fs::status(so_far, error);
    if (status.type() == fs::file_type::not_found) break;
    if (error)
      throw IoError(
          fmt::format("{}: {}: {}", named(folder, key), so_far.string(), error.message()));
    if (!fs::is_directory(status))
      throw IoError(fmt::format("{}: cannot make this folder: {} is a file", named(folder, key),
                                so_far.string()));
    last = so_far;
  }
  try_out(last, named(folder, key));
}

void require_space(fs::path const& folder, std::uint64_t bytes, std::string const& purpose) {
  fs::path there = fs::absolute(folder);
  while (!fs::exists(there) && there.has_relative_path()) there = there.parent_path();
  std::error_code error;
  fs::space_info const space = fs::space(there, error);
  if (!error && space.available < bytes)
    throw IoError(
        fmt::format("{}: {} bytes are free, {} are needed for {}; free space or use another folder",
                    folder.string(), space.available, bytes, purpose));
}

}  // namespace accord::io
