#include "core/base/memory.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/base/check.hpp"

namespace accord {
namespace {

// Sizes are rounded so that the slightly different row counts of successive steps (drop-path,
// caption lengths) find a cached block: to 64 bytes below 4 KiB, then to an eighth of the leading
// power of two.
std::size_t rounded(std::size_t bytes) {
  std::size_t step = 64;
  while (step * 16 < bytes) step *= 2;
  return std::max<std::size_t>((bytes + step - 1) / step * step, 64);
}

}  // namespace

Memory::~Memory() { trim(); }

void* Memory::allocate(std::size_t bytes) {
  std::size_t const size = rounded(bytes);
  std::lock_guard lock(mutex_);
  void* block = nullptr;
  if (auto it = free_.find(size); it != free_.end()) {
    block = it->second;
    free_.erase(it);
    cached_ -= size;
  } else {
    block = std::aligned_alloc(64, size);
    if (!block)
      throw Error(fmt::format(
          "out of memory: {} bytes asked for, {} bytes in use, {} bytes cached; a smaller "
          "train.micro_batch or train.recompute = \"layer\" needs less",
          size, in_use_, cached_));
  }
  in_use_ += size;
  high_water_ = std::max(high_water_, in_use_);
  return block;
}

void Memory::release(void* block, std::size_t bytes) noexcept {
  std::size_t const size = rounded(bytes);
  std::lock_guard lock(mutex_);
  free_.emplace(size, block);
  in_use_ -= size;
  cached_ += size;
}

std::size_t Memory::bytes_in_use() const {
  std::lock_guard lock(mutex_);
  return in_use_;
}

std::size_t Memory::high_water() const {
  std::lock_guard lock(mutex_);
  return high_water_;
}

void Memory::reset_high_water() {
  std::lock_guard lock(mutex_);
  high_water_ = in_use_;
}

void Memory::trim() {
  std::lock_guard lock(mutex_);
  for (auto const& [size, block] : free_) std::free(block);
  free_.clear();
  cached_ = 0;
}

}  // namespace accord
