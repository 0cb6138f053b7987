#pragma once
// Files of the formats put together byte by byte, sound and otherwise, independently of the code
// that reads and writes them.

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file/file.hpp"

namespace accord::testing {

/// Calls `visit` with the file as `sound` cut to each shorter length.
inline void for_each_cut(std::filesystem::path const& path, std::string const& sound,
                         std::function<void(std::size_t length)> const& visit) {
  io::File file = io::File::open_write(path);
  file.write_at(0, std::as_bytes(std::span(sound)));
  for (std::size_t length = sound.size(); length-- > 0;) {
    file.resize(length);
    visit(length);
  }
}

/// Calls `visit` with the file as `sound` but for each single bit of its first `bytes`.
inline void for_each_bit_flip(std::filesystem::path const& path, std::string const& sound,
                              std::size_t bytes,
                              std::function<void(std::size_t bit)> const& visit) {
  io::File file = io::File::open_write(path);
  file.resize(0);
  file.write_at(0, std::as_bytes(std::span(sound)));
  for (std::size_t bit = 0; bit < 8 * bytes; ++bit) {
    std::byte const flipped = std::byte(sound[bit / 8]) ^ std::byte(1 << bit % 8);
    file.write_at(bit / 8, {&flipped, 1});
    visit(bit);
    file.write_at(bit / 8, std::as_bytes(std::span(sound)).subspan(bit / 8, 1));
  }
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}
template <class T>
std::string raw(std::vector<T> const& values) {
  std::string bytes;
  for (T const value : values) bytes += raw(value);
  return bytes;
}
inline std::string u16(std::uint64_t value) { return raw(static_cast<std::uint16_t>(value)); }
inline std::string u32(std::uint64_t value) { return raw(static_cast<std::uint32_t>(value)); }
inline std::string u64(std::uint64_t value) { return raw(value); }

/// CRC-32 as the format defines it, bit by bit.
inline std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (unsigned char const byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}

/// A member of a ZIP archive; what is set differs from what is true.
struct HandmadeMember {
  std::string name, content;
  std::uint16_t method = 0, flags = 0;
  std::int64_t offset = -1;  ///< of the local header, as the directory says it
  std::int64_t bytes = -1;   ///< size, as the directory says it
  std::string local_name = {};
  bool wide = false;  ///< sizes and offset in the 64-bit field
};

/// An archive in the 32-bit form, or with a 64-bit end.
inline std::string handmade_zip(std::vector<HandmadeMember> const& members, bool wide_end = false) {
  std::string archive, directory;
  for (HandmadeMember const& m : members) {
    std::uint64_t const offset = m.offset >= 0 ? m.offset : archive.size();
    std::uint64_t const bytes = m.bytes >= 0 ? m.bytes : m.content.size();
    std::uint32_t const crc = crc32_of(m.content);
    std::string const local = m.local_name.empty() ? m.name : m.local_name;
    archive += "PK\3\4" + u16(20) + u16(m.flags) + u16(m.method) + u32(0) + u32(crc) +
               u32(m.content.size()) + u32(m.content.size()) + u16(local.size()) + u16(0) + local +
               m.content;
    std::string const extra =
        m.wide ? u16(1) + u16(24) + u64(bytes) + u64(bytes) + u64(offset) : "";
    auto const field = [&](std::uint64_t value) { return u32(m.wide ? 0xffffffff : value); };
    directory += "PK\1\2" + u16(20) + u16(20) + u16(m.flags) + u16(m.method) + u32(0) + u32(crc) +
                 field(bytes) + field(bytes) + u16(m.name.size()) + u16(extra.size()) + u16(0) +
                 u16(0) + u16(0) + u32(0) + field(offset) + m.name + extra;
  }
  std::uint64_t const begin = archive.size();
  archive += directory;
  if (wide_end) {
    std::uint64_t const end = archive.size();
    archive += "PK\6\6" + u64(44) + u16(45) + u16(45) + u32(0) + u32(0) + u64(members.size()) +
               u64(members.size()) + u64(directory.size()) + u64(begin);
    archive += "PK\6\7" + u32(0) + u64(end) + u32(1);
    return archive + "PK\5\6" + u16(0) + u16(0) + u16(0xffff) + u16(0xffff) + u32(0xffffffff) +
           u32(0xffffffff) + u16(0);
  }
  return archive + "PK\5\6" + u16(0) + u16(0) + u16(members.size()) + u16(members.size()) +
         u32(directory.size()) + u32(begin) + u16(0);
}

// --- pickle, protocol 2

inline std::string const pickle_begin = "\x80\x02";
inline std::string text(std::string_view value) {
  return std::string("X") + u32(value.size()) + std::string(value);
}
inline std::string integer(std::int32_t value) { return std::string("J") + raw(value); }
inline std::string global(std::string const& module, std::string const& name) {
  return std::string("c") + module + "\n" + name + "\n";
}
inline std::string tuple(std::vector<std::int32_t> const& values) {
  std::string bytes = "(";
  for (std::int32_t const value : values) bytes += integer(value);
  return bytes + "t";
}

/// A tensor as torch.save describes it: what is in `storage` from `offset` on.
struct HandmadeTensor {
  std::string storage = "0", type = "FloatStorage";
  std::int32_t elements = 0, offset = 0;
  std::vector<std::int32_t> shape = {}, strides = {};
};
inline std::string pickled(HandmadeTensor const& t) {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") +
         global("torch", t.type) + text(t.storage) + text("cpu") + integer(t.elements) + "tQ" +
         integer(t.offset) + tuple(t.shape) + tuple(t.strides) + "\x89" +
         global("collections", "OrderedDict") + ")RtR";
}

/// A file of torch.save: a pickle and storages by name.
inline std::string handmade_torch(
    std::string const& pickle, std::vector<std::pair<std::string, std::string>> const& storages) {
  std::vector<HandmadeMember> members = {{"x/data.pkl", pickle}};
  for (auto const& [name, bytes] : storages) members.push_back({"x/data/" + name, bytes});
  members.push_back({"x/version", "3\n"});
  return handmade_zip(members);
}

/// A safetensors file of this header and so many bytes of values.
inline std::string handmade_safetensors(std::string const& header, std::string const& values) {
  return u64(header.size()) + header + values;
}

}  // namespace accord::testing
