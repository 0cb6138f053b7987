#include "io/file/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/error.hpp"
#include "io/file/persistence.hpp"

namespace accord::io {
namespace {

std::atomic<std::uint64_t> transient = 0;

[[noreturn]] void fail(std::filesystem::path const& path, char const* operation) {
  int const code = errno;
  throw IoError(
      fmt::format("{}: {} failed: {}{}", path.string(), operation, std::strerror(code),
                  code == ENOSPC || code == EDQUOT ? "; free space or use another folder" : ""));
}

int open_persistently(std::filesystem::path const& path, int flags) {
  return persistently([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
}

std::uint64_t bytes_of(int descriptor, std::filesystem::path const& path) {
  struct stat status {};
  if (persistently([&] { return ::fstat(descriptor, &status); }) != 0) fail(path, "stat");
  return static_cast<std::uint64_t>(status.st_size);
}

/// A file whose server forgot the handle has to be opened again, under the same descriptor: other
/// threads may be reading by it.
void reopen(int descriptor, std::filesystem::path const& path) {
  int const fresh = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fresh < 0) return;  // the next attempt says why
  ::dup3(fresh, descriptor, O_CLOEXEC);
  ::close(fresh);
}

}  // namespace

std::uint64_t transient_errors() { return transient; }
void count_transient_error() { ++transient; }

File File::open_read(std::filesystem::path const& path) {
  // Without O_NONBLOCK a pipe that nobody writes to would hold us here.
  int const descriptor = open_persistently(path, O_RDONLY | O_NONBLOCK);
  if (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR))
    throw DataError(fmt::format("{}: no such file", path.string()));
  if (descriptor < 0) fail(path, "open");
  File file(descriptor, path);
  file.reading_only_ = true;
  struct stat status {};
  if (persistently([&] { return ::fstat(descriptor, &status); }) != 0) fail(path, "stat");
  if (!S_ISREG(status.st_mode))
    throw DataError(fmt::format("{}: {}, expected a file", path.string(),
                                S_ISDIR(status.st_mode) ? "a folder" : "a pipe or device"));
  return file;
}

File File::open_write(std::filesystem::path const& path) {
  int const descriptor = open_persistently(path, O_RDWR | O_CREAT);
  if (descriptor < 0) fail(path, "open for writing");
  return File(descriptor, path);
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      reading_only_(other.reading_only_),
      path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(reading_only_, other.reading_only_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void File::close() {
  // Linux frees the descriptor whatever close() returns.
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) fail(path_, "close");
}

std::uint64_t File::size() const { return bytes_of(descriptor_, path_); }

void File::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  bool short_once = false;
  while (!out.empty()) {
    ssize_t const n = persistently(
        [&] { return ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset)); },
        [&](int error) {
          if (error == ESTALE && reading_only_) reopen(descriptor_, path_);
        });
    if (n < 0) fail(path_, "read");
    if (n == 0) {
      // A file that is longer than that: its server gave up in the middle.
      if (!short_once && size() > offset) {
        short_once = true;
        count_transient_error();
        continue;
      }
      throw DataError(
          fmt::format("{}: ends at byte {}, {} more were expected; the file is truncated",
                      path_.string(), offset, out.size()));
    }
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

void File::write_at(std::uint64_t offset, std::span<std::byte const> bytes) {
  while (!bytes.empty()) {
    ssize_t const n = persistently([&] {
      ssize_t const written =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written == 0) errno = EIO;  // no progress is no success
      return written == 0 ? -1 : written;
    });
    if (n < 0) fail(path_, "write");
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void File::resize(std::uint64_t bytes) {
  if (persistently([&] { return ::ftruncate(descriptor_, static_cast<off_t>(bytes)); }) != 0)
    fail(path_, "resize");
}

void File::sync() {
  // Not tried again after EIO: the kernel forgets the pages that it could not write, and the second
  // call would succeed without them.
  int result = 0;
  do result = ::fsync(descriptor_);
  while (result != 0 && errno == EINTR);
  if (result != 0) fail(path_, "fsync");
}

void File::forget_cached() const { posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED); }

std::string read_file(std::filesystem::path const& path, std::uint64_t limit) {
  File const file = File::open_read(path);
  std::uint64_t const size = file.size();
  if (size > limit)
    throw DataError(
        fmt::format("{}: {} bytes, at most {} are accepted", path.string(), size, limit));
  std::string text(size, '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void write_file_atomically(std::filesystem::path const& path, std::string_view content) {
  std::filesystem::path const temporary = path.string() + ".tmp";
  try {
    File file = File::open_write(temporary);
    file.resize(0);
    file.write_at(0, std::as_bytes(std::span(content)));
    file.sync();
    file.close();
    rename_durably(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void rename_durably(std::filesystem::path const& from, std::filesystem::path const& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "rename");
  sync_directory(to.parent_path());
  if (from.parent_path() != to.parent_path()) sync_directory(from.parent_path());
}

void sync_directory(std::filesystem::path const& directory) {
  std::filesystem::path const folder = directory.empty() ? "." : directory;
  int const descriptor = open_persistently(folder, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) fail(folder, "open folder");
  int const result = ::fsync(descriptor);
  int const error = errno;
  ::close(descriptor);
  errno = error;
  // Some file systems refuse to sync a folder (EINVAL); their renames are durable by themselves.
  if (result != 0 && errno != EINVAL) fail(folder, "fsync");
}

}  // namespace accord::io
