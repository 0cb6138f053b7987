#pragma once
// Memory of one device, handed out in blocks and counted.

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/backend.hpp"

namespace accord {

/// Hands out aligned blocks of the backend's memory and keeps freed ones for reuse, so that a
/// training step, which asks for the same sizes each time, reaches the system or the driver only
/// during the first step. Counts what is in use, and by whom: the figures behind
/// `peak_memory_bytes` and the memory by owner. A freed block may be handed out again at once: work
/// on one queue runs in order. Thread-safe. Every block must be returned before the Memory dies.
class Memory {
 public:
  explicit Memory(Backend backend = Backend::cpu) : backend_(backend) {}
  Memory(Memory const&) = delete;
  Memory& operator=(Memory const&) = delete;
  ~Memory();

  /// \throws Error naming the size asked for, what is held by whom, and the advice given, when
  /// there is no more.
  void* allocate(std::size_t bytes);
  void release(void* block, std::size_t bytes) noexcept;
  /// What to try when memory ends: that is for the program to know, which gave its user the keys.
  void set_advice(std::string advice) { advice_ = std::move(advice); }

  /// While it lives, what is allocated is counted under `owner` ("gradients"). Scopes nest; blocks
  /// keep the name they were born with.
  class Owner {
   public:
    Owner(Memory& memory, std::string owner);
    Owner(Owner const&) = delete;
    Owner& operator=(Owner const&) = delete;
    ~Owner();

   private:
    Memory& memory_;
    int before_;
  };

  struct Holding {
    std::string owner;
    std::size_t bytes = 0;          ///< now
    std::size_t at_high_water = 0;  ///< when most was in use
  };
  /// By owner, in the order of their first allocation.
  std::vector<Holding> holdings() const;
  /// "gradients 11.0 GB, optimizer 33.1 GB": what was held when most was in use.
  std::string peak_by_owner() const;

  std::size_t bytes_in_use() const;
  std::size_t high_water() const;
  void reset_high_water();  ///< to what is in use now
  /// Gives cached free blocks back to the system.
  void trim();

 private:
  void* system_allocate(std::size_t size);
  void system_release(void* block) noexcept;
  void release_cached();

  Backend backend_;
  mutable std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::unordered_map<void*, int> owner_of_;  ///< index in holdings_ of each block in use
  std::vector<Holding> holdings_{{"other"}};
  int owner_ = 0;
  std::size_t in_use_ = 0, high_water_ = 0, cached_ = 0;
  std::string advice_;
};

}  // namespace accord
