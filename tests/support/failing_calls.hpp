#pragma once
// Reads and writes of this process that fail on request: the C library's pread and pwrite are
// replaced, also for the libraries that the test uses. Included by one source of a test.

#include <dlfcn.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>

namespace accord::testing {

/// What happens to one of the calls from now on.
struct Failure {
  int call = 0;   ///< which one fails, counted from 1; 0: none
  int error = 0;  ///< its errno; 0: it moves a single byte
  int times = 1;  ///< so many fail, one after another
  int calls = 0;  ///< made so far
  bool due() {
    ++calls;
    return call > 0 && calls >= call && calls < call + times;
  }
};

inline Failure reads, writes;

template <class Call>
Call* of_the_library(char const* name) {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace accord::testing

extern "C" ssize_t pread(int descriptor, void* out, std::size_t bytes, off_t offset) {
  static auto* const real =
      accord::testing::of_the_library<ssize_t(int, void*, std::size_t, off_t)>("pread");
  if (!accord::testing::reads.due()) return real(descriptor, out, bytes, offset);
  errno = accord::testing::reads.error;
  if (errno == 0) return real(descriptor, out, bytes == 0 ? 0 : 1, offset);
  return -1;
}

extern "C" ssize_t pwrite(int descriptor, void const* bytes_at, std::size_t bytes, off_t offset) {
  static auto* const real =
      accord::testing::of_the_library<ssize_t(int, void const*, std::size_t, off_t)>("pwrite");
  if (!accord::testing::writes.due()) return real(descriptor, bytes_at, bytes, offset);
  errno = accord::testing::writes.error;
  if (errno == 0) return real(descriptor, bytes_at, bytes == 0 ? 0 : 1, offset);
  return -1;
}
