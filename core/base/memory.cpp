#include "core/base/memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string_view>

#include "core/base/build.hpp"
#include "core/base/check.hpp"
#include "core/base/device.hpp"

namespace accord {
namespace {

// For debugging tools: with ACCORD_MEMORY_REUSE=0 in the environment every block comes from the
// system, of exactly the size asked for, and returns to it at once, so that they see an access
// behind its end or after its release. Slow: on a device each release waits.
bool reuses() {
  static bool const result = [] {
    char const* const value = std::getenv("ACCORD_MEMORY_REUSE");
    return !value || std::string_view(value) != "0";
  }();
  return result;
}

// Sizes are rounded so that the slightly different row counts of successive steps (drop-path,
// caption lengths) find a cached block: to 64 bytes below 4 KiB, then to an eighth of the leading
// power of two.
std::size_t rounded(std::size_t bytes) {
  if (!reuses()) return std::max<std::size_t>(bytes, 1);
  std::size_t step = 64;
  while (step * 16 < bytes) step *= 2;
  return std::max<std::size_t>((bytes + step - 1) / step * step, 64);
}

constexpr std::align_val_t alignment{64};

std::string listed(std::vector<Memory::Holding> const& holdings,
                   std::size_t Memory::Holding::*bytes) {
  std::string text;
  for (Memory::Holding const& holding : holdings)
    if (holding.*bytes > 0)
      text += fmt::format("{}{} {:.2f} GB", text.empty() ? "" : ", ", holding.owner,
                          static_cast<double>(holding.*bytes) * 1e-9);
  return text.empty() ? "nothing" : text;
}

}  // namespace

Memory::~Memory() { trim(); }

Memory::Owner::Owner(Memory& memory, std::string owner) : memory_(memory), before_(memory.owner_) {
  std::lock_guard lock(memory_.mutex_);
  auto& holdings = memory_.holdings_;
  auto const known = std::find_if(holdings.begin(), holdings.end(),
                                  [&](Holding const& h) { return h.owner == owner; });
  memory_.owner_ = static_cast<int>(known - holdings.begin());
  if (known == holdings.end()) holdings.push_back({std::move(owner)});
}

Memory::Owner::~Owner() {
  std::lock_guard lock(memory_.mutex_);
  memory_.owner_ = before_;
}

void* Memory::system_allocate(std::size_t size) {
  if constexpr (build::has_cuda)
    if (backend_ == Backend::cuda) return cuda::allocate(size);
  return ::operator new(size, alignment, std::nothrow);
}

void Memory::system_release(void* block) noexcept {
  if constexpr (build::has_cuda)
    if (backend_ == Backend::cuda) return cuda::release(block);
  ::operator delete(block, alignment);
}

void* Memory::allocate(std::size_t bytes) {
  std::size_t const size = rounded(bytes);
  std::lock_guard lock(mutex_);
  void* block = nullptr;
  if (auto it = free_.find(size); it != free_.end()) {
    block = it->second;
    free_.erase(it);
    cached_ -= size;
  } else {
    block = system_allocate(size);
    if (!block && cached_ > 0) {  // blocks of other sizes may be in the way
      release_cached();
      block = system_allocate(size);
    }
    if (!block)
      throw Error(fmt::format(
          "out of memory on {}: {:.3f} GB asked for by {}; in use: {}{}{}",
          backend_ == Backend::cuda ? "the device" : "the host", static_cast<double>(size) * 1e-9,
          holdings_[static_cast<std::size_t>(owner_)].owner, listed(holdings_, &Holding::bytes),
          advice_.empty() ? "" : "; ", advice_));
  }
  owner_of_[block] = owner_;
  holdings_[static_cast<std::size_t>(owner_)].bytes += size;
  in_use_ += size;
  if (in_use_ > high_water_) {
    high_water_ = in_use_;
    for (Holding& holding : holdings_) holding.at_high_water = holding.bytes;
  }
  return block;
}

void Memory::release(void* block, std::size_t bytes) noexcept {
  std::size_t const size = rounded(bytes);
  std::lock_guard lock(mutex_);
  auto const owner = owner_of_.extract(block);
  holdings_[static_cast<std::size_t>(owner.mapped())].bytes -= size;
  in_use_ -= size;
  if (!reuses()) return system_release(block);
  free_.emplace(size, block);
  cached_ += size;
}

std::vector<Memory::Holding> Memory::holdings() const {
  std::lock_guard lock(mutex_);
  return holdings_;
}

std::string Memory::peak_by_owner() const { return listed(holdings(), &Holding::at_high_water); }

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
  for (Holding& holding : holdings_) holding.at_high_water = holding.bytes;
}

void Memory::trim() {
  std::lock_guard lock(mutex_);
  release_cached();
}

void Memory::release_cached() {
  for (auto const& [size, block] : free_) system_release(block);
  free_.clear();
  cached_ = 0;
}

}  // namespace accord
