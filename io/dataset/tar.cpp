#include "io/dataset/tar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "core/base/error.hpp"

namespace accord::io {
namespace {

constexpr std::uint64_t block_bytes = 512;
constexpr std::uint64_t max_name_bytes = 1 << 20;

/// One header block (POSIX.1-1988 ustar; GNU writes the same fields).
struct Header {
  std::array<char, 100> name;
  std::array<char, 24> mode_uid_gid;
  std::array<char, 12> size;
  std::array<char, 12> time;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 6> magic;
  std::array<char, 2> version;
  std::array<char, 80> owner_and_device;
  std::array<char, 155> prefix;
  std::array<char, 12> padding;
};
static_assert(sizeof(Header) == block_bytes);

template <std::size_t N>
std::string text_of(std::array<char, N> const& field) {
  return std::string(field.data(), strnlen(field.data(), N));
}

/// Octal digits between blanks, or GNU's big-endian binary behind a first byte of 0x80. Negative:
/// not a number.
template <std::size_t N>
std::int64_t number_of(std::array<char, N> const& field) {
  if (static_cast<unsigned char>(field[0]) == 0x80) {
    std::uint64_t value = 0;
    for (std::size_t i = 1; i < N; ++i) {
      if (value >> 55 != 0) return -1;
      value = value << 8 | static_cast<unsigned char>(field[i]);
    }
    return static_cast<std::int64_t>(value);
  }
  std::int64_t value = 0;
  std::size_t i = 0;
  while (i < N && field[i] == ' ') ++i;
  for (; i < N && field[i] >= '0' && field[i] <= '7'; ++i) value = value * 8 + (field[i] - '0');
  return i == N || field[i] == ' ' || field[i] == '\0' ? value : -1;
}

/// The sum of all bytes, those of the checksum taken as blanks; some old programs summed signed
/// ones.
bool checksum_matches(Header const& header) {
  std::array<unsigned char, block_bytes> bytes;
  std::memcpy(bytes.data(), &header, block_bytes);
  std::memset(bytes.data() + offsetof(Header, checksum), ' ', header.checksum.size());
  std::int64_t unsigned_sum = 0, signed_sum = 0;
  for (unsigned char const byte : bytes) {
    unsigned_sum += byte;
    signed_sum += static_cast<signed char>(byte);
  }
  std::int64_t const wanted = number_of(header.checksum);
  return wanted == unsigned_sum || wanted == signed_sum;
}

/// What pax records ("27 path=a/long/name\n") say of the member that follows.
struct Pax {
  std::optional<std::string> path;
  std::optional<std::uint64_t> size;
};

/// False: the records are damaged.
bool parse_pax(std::string_view records, Pax& pax) {
  while (!records.empty()) {
    std::size_t length = 0;
    auto const [end, error] =
        std::from_chars(records.data(), records.data() + records.size(), length);
    auto const digits = static_cast<std::size_t>(end - records.data());
    if (error != std::errc() || length > records.size() || length < digits + 3 ||
        records[digits] != ' ' || records[length - 1] != '\n')
      return false;
    std::string_view const record = records.substr(digits + 1, length - digits - 2);
    std::size_t const equals = record.find('=');
    if (equals == std::string_view::npos) return false;
    std::string_view const key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") pax.path = value;
    if (key == "size") {
      std::uint64_t size = 0;
      auto const result = std::from_chars(value.data(), value.data() + value.size(), size);
      if (result.ec != std::errc() || result.ptr != value.data() + value.size()) return false;
      pax.size = size;
    }
    records.remove_prefix(length);
  }
  return true;
}

std::string refusal_of_type(char type) {
  switch (type) {
    case '\0':
    case '0':
    case '7':
      return "";
    case '1':
      return "a hard link";
    case '2':
      return "a symbolic link";
    case '3':
    case '4':
      return "a device";
    case '6':
      return "a named pipe";
    case 'S':
      return "a sparse file";
    default:
      return "a member of unknown type";
  }
}

std::string refusal_of_name(std::string_view name) {
  if (name.empty() || name.find('\0') != std::string_view::npos) return "a name that is none";
  if (name.front() == '/') return "an absolute path";
  while (!name.empty()) {
    std::size_t const slash = std::min(name.find('/'), name.size());
    if (name.substr(0, slash) == "..") return "a path that leads out of the archive";
    name.remove_prefix(std::min(slash + 1, name.size()));
  }
  return "";
}

}  // namespace

TarReader::TarReader(std::filesystem::path const& path)
    : path_(path), bytes_(ArchiveBytes::open(path)) {}

void TarReader::fail(std::string const& problem) const {
  throw DataError(fmt::format("{}: at byte {}: {}", path_.string(), at_, problem));
}

std::string TarReader::content(std::uint64_t offset, std::uint64_t bytes) {
  std::string text(bytes, '\0');
  if (bytes_->read(offset, std::as_writable_bytes(std::span(text))) < bytes)
    fail("a member reaches beyond the end of the archive; it is truncated");
  return text;
}

std::string TarReader::long_text(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes > max_name_bytes) fail("a name of more than 1 MiB");
  return content(offset, bytes);
}

std::optional<TarMember> TarReader::next() {
  Pax pax;
  std::optional<std::string> gnu_name;
  while (true) {
    Header header;
    std::size_t const there = bytes_->read(at_, std::as_writable_bytes(std::span(&header, 1)));
    if (there == 0) fail("the archive ends without its end mark; it is truncated");
    if (there < block_bytes) fail("the archive ends in the middle of a header; it is truncated");
    auto const* bytes = reinterpret_cast<char const*>(&header);
    if (std::all_of(bytes, bytes + block_bytes, [](char c) { return c == '\0'; })) {
      bytes_->finish();
      return std::nullopt;
    }
    if (!checksum_matches(header))
      fail("not a tar header: its checksum is wrong, the archive is damaged");
    std::int64_t const stored = number_of(header.size);
    if (stored < 0) fail("a size that is not a number");
    bool const describes = std::strchr("xgLK", header.type) != nullptr && header.type != '\0';
    std::uint64_t const size =
        !describes && pax.size ? *pax.size : static_cast<std::uint64_t>(stored);
    std::uint64_t const begin = at_ + block_bytes;
    if (size > std::uint64_t{1} << 62) fail("a size that no member has");
    auto const all = bytes_->size();
    if (all && size > *all - std::min(*all, begin))
      fail("a member reaches beyond the end of the archive; it is truncated");
    std::uint64_t const padded = (size + block_bytes - 1) / block_bytes * block_bytes;

    if (header.type == 'x' && !parse_pax(long_text(begin, size), pax)) fail("damaged pax records");
    if (header.type == 'L')
      gnu_name = long_text(begin, size).c_str();  // without the NUL at its end
    at_ = begin + padded;
    if (describes) continue;

    bool const ustar =
        std::memcmp(header.magic.data(), "ustar", 6) == 0;  // with the NUL: GNU has a blank
    std::string const prefix = ustar ? text_of(header.prefix) : "";
    TarMember member;
    member.name = pax.path   ? *pax.path
                  : gnu_name ? *gnu_name
                             : (prefix.empty() ? "" : prefix + "/") + text_of(header.name);
    pax = {};
    gnu_name.reset();
    if (header.type == '5' || member.name.ends_with('/')) continue;  // a folder
    while (member.name.starts_with("./")) member.name.erase(0, 2);
    member.offset = begin;
    member.bytes = size;
    member.refused = refusal_of_type(header.type);
    if (member.refused.empty()) member.refused = refusal_of_name(member.name);
    return member;
  }
}

std::string TarReader::read(TarMember const& member, std::uint64_t limit) {
  if (member.bytes > limit)
    throw DataError(fmt::format("{}: {}: {} bytes, at most {} are accepted", path_.string(),
                                member.name, member.bytes, limit));
  return content(member.offset, member.bytes);
}

}  // namespace accord::io
