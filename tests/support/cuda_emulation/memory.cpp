#include "tests/support/cuda_emulation/memory.hpp"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#include "tests/support/cuda_emulation/streams.hpp"

namespace accord::emulation {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t reserved = std::size_t{16} << 30;  // of addresses

struct Region {
  std::byte* begin = nullptr;
  std::size_t used = 0;                 ///< bytes ever handed out
  std::map<void*, std::size_t> blocks;  ///< in use
  std::multimap<std::size_t, void*> free;
  std::size_t in_use = 0;
  std::map<void*, std::size_t> pinned;  ///< blocks of host memory
  int access = 0;

  Region() {
    void* const room =
        mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) throw std::runtime_error("no room for an emulated device");
    begin = static_cast<std::byte*>(room);
  }
  void protect(int protection) {
    if (used > 0) mprotect(begin, used, protection);
  }
};

Region& region() {
  static Region instance;
  return instance;
}

}  // namespace

std::size_t device_bytes = std::size_t{4} << 30;

std::size_t bytes_free() {
  std::lock_guard const lock(device_mutex());
  return device_bytes - region().in_use;
}

DeviceAccess::DeviceAccess() {
  if (region().access++ == 0) region().protect(PROT_READ | PROT_WRITE);
}
DeviceAccess::~DeviceAccess() {
  if (--region().access == 0) region().protect(PROT_NONE);
}

void* allocate(std::size_t bytes) {
  std::lock_guard const lock(device_mutex());
  Region& r = region();
  constexpr std::size_t free_behind = 64;  // at least, for an overrun to hit
  std::size_t const size = (bytes + free_behind + page - 1) / page * page;
  if (r.in_use + size > device_bytes) return nullptr;
  void* block = nullptr;
  if (auto const it = r.free.find(size); it != r.free.end()) {
    block = it->second;
    r.free.erase(it);
  } else {
    if (r.used + size > reserved) return nullptr;
    block = r.begin + r.used;
    r.used += size;
  }
  r.blocks[block] = size;
  r.in_use += size;
  ASAN_UNPOISON_MEMORY_REGION(block, bytes);
  ASAN_POISON_MEMORY_REGION(static_cast<std::byte*>(block) + bytes, size - bytes);
  constexpr std::size_t workspace = std::size_t{32} << 20;
  if (size < workspace) {
    DeviceAccess const access;
    std::memset(block, 0xff, bytes);  // reading what nobody wrote gives NaN
  }
  return block;
}

void release(void* block) {
  if (!block) return;
  std::lock_guard const lock(device_mutex());
  Region& r = region();
  auto const it = r.blocks.find(block);
  if (it == r.blocks.end()) throw std::logic_error("cudaFree of a block that is not allocated");
  ASAN_POISON_MEMORY_REGION(block, it->second);
  r.in_use -= it->second;
  r.free.emplace(it->second, block);
  r.blocks.erase(it);
}

bool is_device_memory(void const* pointer) {
  std::lock_guard const lock(device_mutex());
  auto const* const at = static_cast<std::byte const*>(pointer);
  return at >= region().begin && at < region().begin + region().used;
}

void* allocate_pinned(std::size_t bytes) {
  void* const block = std::malloc(bytes);
  std::lock_guard const lock(device_mutex());
  region().pinned[block] = bytes;
  return block;
}

void release_pinned(void* block) {
  std::lock_guard const lock(device_mutex());
  if (region().pinned.erase(block) == 0)
    throw std::logic_error("cudaFreeHost of a block that is not allocated");
  std::free(block);
}

bool is_pinned_memory(void const* pointer) {
  std::lock_guard const lock(device_mutex());
  auto const after = region().pinned.upper_bound(const_cast<void*>(pointer));
  if (after == region().pinned.begin()) return false;
  auto const& [block, bytes] = *std::prev(after);
  return pointer < static_cast<std::byte*>(block) + bytes;
}

}  // namespace accord::emulation
