#pragma once
// Trying again what a storage system refuses for a moment.

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

namespace accord::io {

/// How often an operation on a file failed in a way that passes (EIO, ESTALE, a short read) and was
/// tried again, since the process began. EINTR does not count.
std::uint64_t transient_errors();
/// Adds one to it.
void count_transient_error();

/// Whether `error` may pass by itself: a server that restarts, a path that was lost for a moment.
constexpr bool passes(int error) { return error == EIO || error == ESTALE || error == EAGAIN; }

/// Calls `attempt()` until it returns no negative number, at once after EINTR, and up to four more
/// times with growing pauses, 1.7 s in all, after errors that pass. Before each of these `mend()`
/// is called. Returns what the last attempt returned, with its errno.
template <class Attempt, class Mend>
auto persistently(Attempt&& attempt, Mend&& mend) {
  auto pause = std::chrono::milliseconds(20);
  for (int tries = 0;;) {
    auto const result = attempt();
    if (result >= 0) return result;
    if (errno == EINTR) continue;
    if (!passes(errno) || tries++ == 4) return result;
    count_transient_error();
    int const error = errno;
    std::this_thread::sleep_for(pause);
    pause *= 4;
    mend(error);
  }
}

template <class Attempt>
auto persistently(Attempt&& attempt) {
  return persistently(attempt, [](int) {});
}

}  // namespace accord::io
