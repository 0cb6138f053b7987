#pragma once
// XXH3: the hash that shards and checkpoints are checked with. Against damage, not against an
// adversary.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace accord::io {

/// 128 bits, written as 32 lower-case hexadecimal digits, high half first (the canonical form of
/// xxhsum).
struct Hash128 {
  std::uint64_t high = 0, low = 0;
  friend bool operator==(Hash128 const&, Hash128 const&) = default;
};

std::string to_hex(Hash128 hash);
/// \throws DataError unless `text` is exactly what to_hex writes.
Hash128 hash128_from_hex(std::string_view text);

Hash128 hash128(std::span<std::byte const> bytes);
std::uint64_t hash64(std::span<std::byte const> bytes);

/// The 128-bit hash of bytes that come in parts: equal to hash128 of the parts put together.
class Hasher128 {
 public:
  Hasher128();
  Hasher128(Hasher128&&) noexcept;
  Hasher128& operator=(Hasher128&&) noexcept;
  ~Hasher128();
  void update(std::span<std::byte const> bytes);
  Hash128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same for the 64-bit hash.
class Hasher64 {
 public:
  Hasher64();
  Hasher64(Hasher64&&) noexcept;
  Hasher64& operator=(Hasher64&&) noexcept;
  ~Hasher64();
  void update(std::span<std::byte const> bytes);
  std::uint64_t digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace accord::io
