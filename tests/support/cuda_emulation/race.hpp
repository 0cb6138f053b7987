#pragma once
// What ThreadSanitizer is told, in a build that has it, so that it reports accesses of kernels,
// copies and the host that nothing orders, whatever order they were run in: who runs, and which
// waits put one after the other. In other builds nothing.

#include <cstddef>
#include <cstdint>

#ifdef ACCORD_WATCH_RACES
#include <sanitizer/tsan_interface.h>

// Of the same library; no header declares them.
extern "C" {
void __tsan_java_alloc(std::uintptr_t at, std::uintptr_t bytes);
void __tsan_java_free(std::uintptr_t at, std::uintptr_t bytes);
void AnnotateIgnoreReadsBegin(char const* file, int line);
void AnnotateIgnoreReadsEnd(char const* file, int line);
}
#endif

namespace accord::emulation::race {

#ifdef ACCORD_WATCH_RACES

inline constexpr bool watched = true;

/// Something that runs on its own: the host's thread, a stream, a thread of a block.
using Context = void*;
inline Context make_context() { return __tsan_create_fiber(0); }
inline Context current() { return __tsan_get_current_fiber(); }
/// Says nothing of an order between the two.
inline void switch_to(Context context) {
  __tsan_switch_to_fiber(context, __tsan_switch_to_fiber_no_sync);
}
/// What this context has done so far comes before what another does after acquire(at).
inline void release(void const* at) { __tsan_release(const_cast<void*>(at)); }
inline void acquire(void const* at) { __tsan_acquire(const_cast<void*>(at)); }
/// Memory that is used anew: what was accessed and released there is forgotten.
inline void forget(void const* memory, std::size_t bytes) {
  auto const begin = reinterpret_cast<std::uintptr_t>(memory) & ~std::uintptr_t{7};
  auto const end = (reinterpret_cast<std::uintptr_t>(memory) + bytes + 7) & ~std::uintptr_t{7};
  __tsan_java_alloc(begin, end - begin);
  __tsan_java_free(begin, end - begin);
}
/// What `read` reads is none of the program's accesses.
template <class Read>
auto unseen(Read const& read) {
  AnnotateIgnoreReadsBegin(__FILE_NAME__, __LINE__);
  auto const result = read();
  AnnotateIgnoreReadsEnd(__FILE_NAME__, __LINE__);
  return result;
}

#else

inline constexpr bool watched = false;

struct Context {};
inline Context make_context() { return {}; }
inline Context current() { return {}; }
inline void switch_to(Context) {}
inline void release(void const*) {}
inline void acquire(void const*) {}
inline void forget(void const*, std::size_t) {}
template <class Read>
auto unseen(Read const& read) {
  return read();
}

#endif

}  // namespace accord::emulation::race
