#pragma once
// Memory of one device, handed out in blocks and counted.

#include <cstddef>
#include <map>
#include <mutex>

namespace accord {

/// Hands out 64-byte aligned blocks and keeps freed ones for reuse, so that a training step, which
/// asks for the same sizes each time, reaches the system allocator only during the first step.
/// Counts what is in use: the figures behind `peak_memory_bytes` and the memory plan. Thread-safe.
/// Every block must be returned before the Memory dies.
class Memory {
 public:
  Memory() = default;
  Memory(Memory const&) = delete;
  Memory& operator=(Memory const&) = delete;
  ~Memory();

  /// \throws Error naming the size asked for and what is held when the system has no more.
  void* allocate(std::size_t bytes);
  void release(void* block, std::size_t bytes) noexcept;

  std::size_t bytes_in_use() const;
  std::size_t high_water() const;
  void reset_high_water();  ///< to what is in use now
  /// Gives cached free blocks back to the system.
  void trim();

 private:
  mutable std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::size_t in_use_ = 0, high_water_ = 0, cached_ = 0;
};

}  // namespace accord
