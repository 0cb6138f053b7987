// A library to be loaded before the C library (LD_PRELOAD): one operation on a file fails, as a
// full or broken disk makes it fail. It counts what changes a file whose path holds $FAULT_PATH:
// opening for writing, writing, syncing, cutting, renaming, making a folder. Call number
// $FAULT_CALL fails with the error number $FAULT_ERROR; the number of all calls goes to the file
// $FAULT_COUNT.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<int> calls = 0;

int number(char const* name) {
  char const* const text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

/// Counts a call on `path`. True: it fails, with errno set.
bool fails(char const* path) {
  static char const* const wanted = std::getenv("FAULT_PATH");
  static int const call = number("FAULT_CALL"), error = number("FAULT_ERROR");
  if (wanted == nullptr || path == nullptr || std::strstr(path, wanted) == nullptr) return false;
  if (++calls != call) return false;
  errno = error;
  return true;
}

bool fails(int descriptor) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t const length = ::readlink(link, path, sizeof path - 1);
  if (length < 0) return false;
  path[length] = '\0';
  return fails(path);
}

template <class Function>
Function* real(char const* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

struct Report {
  ~Report() {
    char const* const path = std::getenv("FAULT_COUNT");
    if (path == nullptr || calls == 0) return;  // a child process, which writes nothing
    std::FILE* const file = std::fopen(path, "w");
    if (file == nullptr) return;
    std::fprintf(file, "%d", calls.load());
    std::fclose(file);
  }
} const report;

constexpr int writing = O_WRONLY | O_RDWR;

}  // namespace

extern "C" {

int open(char const* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t const mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & writing) != 0 && fails(path)) return -1;
  return real<int(char const*, int, ...)>("open")(path, flags, mode);
}
ssize_t write(int descriptor, void const* bytes, size_t count) {
  if (fails(descriptor)) return -1;
  return real<ssize_t(int, void const*, size_t)>("write")(descriptor, bytes, count);
}
ssize_t writev(int descriptor, iovec const* pieces, int count) {
  if (fails(descriptor)) return -1;
  return real<ssize_t(int, iovec const*, int)>("writev")(descriptor, pieces, count);
}
ssize_t pwrite(int descriptor, void const* bytes, size_t count, off_t offset) {
  if (fails(descriptor)) return -1;
  return real<ssize_t(int, void const*, size_t, off_t)>("pwrite")(descriptor, bytes, count, offset);
}
int fsync(int descriptor) {
  if (fails(descriptor)) return -1;
  return real<int(int)>("fsync")(descriptor);
}
int ftruncate(int descriptor, off_t bytes) noexcept {
  if (fails(descriptor)) return -1;
  return real<int(int, off_t)>("ftruncate")(descriptor, bytes);
}
int rename(char const* from, char const* to) noexcept {
  if (fails(to)) return -1;
  return real<int(char const*, char const*)>("rename")(from, to);
}
int mkdir(char const* path, mode_t mode) noexcept {
  if (fails(path)) return -1;
  return real<int(char const*, mode_t)>("mkdir")(path, mode);
}

}  // extern "C"
