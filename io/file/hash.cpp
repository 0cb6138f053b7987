#include "io/file/hash.hpp"

#include <fmt/format.h>
#define XXH_STATIC_LINKING_ONLY  // makes the state a complete type
#include <xxhash.h>

#include <charconv>

#include "core/base/error.hpp"

namespace accord::io {

struct Hasher128::State {
  XXH3_state_t xxh;
};

std::string to_hex(Hash128 hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

Hash128 hash128_from_hex(std::string_view text) {
  Hash128 hash;
  if (text.size() == 32) {
    std::from_chars(text.data(), text.data() + 16, hash.high, 16);
    std::from_chars(text.data() + 16, text.data() + 32, hash.low, 16);
    if (to_hex(hash) == text) return hash;
  }
  throw DataError(fmt::format("'{}' is not a hash of 32 lower-case hexadecimal digits", text));
}

Hash128 hash128(std::span<std::byte const> bytes) {
  XXH128_hash_t const hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::uint64_t hash64(std::span<std::byte const> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Hasher128::Hasher128() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->xxh); }
Hasher128::Hasher128(Hasher128&&) noexcept = default;
Hasher128& Hasher128::operator=(Hasher128&&) noexcept = default;
Hasher128::~Hasher128() = default;

void Hasher128::update(std::span<std::byte const> bytes) {
  XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
}

Hash128 Hasher128::digest() const {
  XXH128_hash_t const hash = XXH3_128bits_digest(&state_->xxh);
  return {hash.high64, hash.low64};
}

struct Hasher64::State {
  XXH3_state_t xxh;
};

Hasher64::Hasher64() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh); }
Hasher64::Hasher64(Hasher64&&) noexcept = default;
Hasher64& Hasher64::operator=(Hasher64&&) noexcept = default;
Hasher64::~Hasher64() = default;

void Hasher64::update(std::span<std::byte const> bytes) {
  XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size());
}

std::uint64_t Hasher64::digest() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace accord::io
