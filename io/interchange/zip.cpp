#include "io/interchange/zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <set>
#include <utility>

#include "io/interchange/bytes.hpp"

namespace accord::io {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50,
                        end_signature = 0x06054b50, end64_signature = 0x06064b50,
                        locator_signature = 0x07064b50;
constexpr std::uint64_t local_bytes = 30, central_bytes = 46, end_bytes = 22, end64_bytes = 56,
                        locator_bytes = 20;
constexpr std::uint64_t max_directory_bytes = 64 << 20;
constexpr std::uint16_t zip64_field = 1, encrypted_flag = 1, stored = 0;
constexpr std::uint32_t all_ones = 0xffffffff;

DataError damaged(File const& file, std::string const& what) {
  return DataError(fmt::format("{}: {}; this ZIP archive is damaged or not one of PyTorch's",
                               file.path().string(), what));
}

std::vector<std::byte> bytes_at(File const& file, std::uint64_t offset, std::uint64_t count) {
  std::vector<std::byte> bytes(count);
  file.read_at(offset, bytes);
  return bytes;
}

/// Where the directory lies.
struct Directory {
  std::uint64_t members = 0, bytes = 0, offset = 0;
  std::uint64_t limit = 0;  ///< the first byte of what ends the archive
};

/// The end record is the last thing in the file but for a comment, whose length it gives.
std::uint64_t find_end(File const& file, std::vector<std::byte>& tail) {
  std::uint64_t const size = file.size();
  std::uint64_t const length = std::min<std::uint64_t>(size, end_bytes + 0xffff);
  tail = bytes_at(file, size - length, length);
  for (std::uint64_t at = length >= end_bytes ? length - end_bytes + 1 : 0; at-- > 0;) {
    ByteReader reader(std::span<std::byte const>(tail).subspan(at), "");
    if (reader.number<std::uint32_t>() != end_signature) continue;
    reader.skip(16);
    if (at + end_bytes + reader.number<std::uint16_t>() == length) {
      tail.erase(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(at));
      return size - length + at;
    }
  }
  throw damaged(file, "its end is missing (a truncated file?)");
}

Directory find_directory(File const& file) {
  std::vector<std::byte> tail;
  Directory directory;
  directory.limit = find_end(file, tail);
  ByteReader end(tail, "the end record");
  end.skip(4);
  auto const disk = end.number<std::uint16_t>(), directory_disk = end.number<std::uint16_t>();
  end.skip(2);
  directory.members = end.number<std::uint16_t>();
  directory.bytes = end.number<std::uint32_t>();
  directory.offset = end.number<std::uint32_t>();
  if (disk != directory_disk) throw damaged(file, "it is one part of several");
  bool const wide =
      directory.members == 0xffff || directory.bytes == all_ones || directory.offset == all_ones;
  if (!wide) return directory;

  if (directory.limit < locator_bytes) throw damaged(file, "its 64-bit end is missing");
  std::vector<std::byte> const locator =
      bytes_at(file, directory.limit - locator_bytes, locator_bytes);
  ByteReader where(locator, "the locator of the 64-bit end");
  if (where.number<std::uint32_t>() != locator_signature)
    throw damaged(file, "its 64-bit end is missing");
  where.skip(4);
  auto const end64_offset = where.number<std::uint64_t>();
  std::uint64_t const end64_limit = directory.limit - locator_bytes;
  if (end64_offset > end64_limit || end64_limit - end64_offset < end64_bytes)
    throw damaged(file, fmt::format("its 64-bit end would lie at {}", end64_offset));
  std::vector<std::byte> const record = bytes_at(file, end64_offset, end64_bytes);
  ByteReader end64(record, "the 64-bit end record");
  if (end64.number<std::uint32_t>() != end64_signature)
    throw damaged(file, "its 64-bit end is missing");
  end64.skip(28);
  directory.members = end64.number<std::uint64_t>();
  directory.bytes = end64.number<std::uint64_t>();
  directory.offset = end64.number<std::uint64_t>();
  directory.limit = end64_offset;
  return directory;
}

/// A member as the directory has it; `data.offset` is that of its local header.
ZipMember read_central(File const& file, ByteReader& reader) {
  if (reader.number<std::uint32_t>() != central_signature)
    throw damaged(file, "an entry of the directory has no signature");
  reader.skip(4);
  auto const flags = reader.number<std::uint16_t>(), method = reader.number<std::uint16_t>();
  reader.skip(4);
  ZipMember member;
  member.crc = reader.number<std::uint32_t>();
  std::uint64_t compressed = reader.number<std::uint32_t>();
  member.data.bytes = reader.number<std::uint32_t>();
  auto const name_bytes = reader.number<std::uint16_t>(),
             extra_bytes = reader.number<std::uint16_t>(),
             comment_bytes = reader.number<std::uint16_t>();
  reader.skip(8);
  member.data.offset = reader.number<std::uint32_t>();
  member.name = reader.text(name_bytes);
  ByteReader extra(reader.take(extra_bytes), "an extra field");
  reader.skip(comment_bytes);
  while (extra.left() >= 4) {
    auto const id = extra.number<std::uint16_t>();
    ByteReader field(extra.take(extra.number<std::uint16_t>()), "the 64-bit field of a member");
    if (id != zip64_field) continue;
    // Only what does not fit above is here, in this order.
    for (std::uint64_t* value : {&member.data.bytes, &compressed, &member.data.offset})
      if (*value == all_ones) *value = field.number<std::uint64_t>();
  }
  if (flags & encrypted_flag) throw damaged(file, fmt::format("{} is encrypted", member.name));
  if (method != stored || compressed != member.data.bytes)
    throw damaged(file, fmt::format("{} is compressed (method {}, {} bytes for {})", member.name,
                                    method, compressed, member.data.bytes));
  return member;
}

/// Turns the offset of the local header into that of the data.
void find_data(File const& file, ZipMember& member, std::uint64_t limit) {
  std::uint64_t const header = member.data.offset;
  auto const outside = [&] {
    return damaged(file, fmt::format("{} would lie at bytes [{}, {} + {}) of {}", member.name,
                                     header, header, member.data.bytes, limit));
  };
  if (header > limit || limit - header < local_bytes) throw outside();
  std::vector<std::byte> const bytes = bytes_at(file, header, local_bytes);
  ByteReader local(bytes, "a local header");
  if (local.number<std::uint32_t>() != local_signature)
    throw damaged(file, fmt::format("{} has no header at {}", member.name, header));
  local.skip(22);
  std::uint64_t const name_bytes = local.number<std::uint16_t>(),
                      extra_bytes = local.number<std::uint16_t>();
  std::uint64_t const before = local_bytes + name_bytes + extra_bytes;
  if (limit - header < before || limit - header - before < member.data.bytes) throw outside();
  std::vector<std::byte> const name = bytes_at(file, header + local_bytes, name_bytes);
  if (ByteReader(name, "").text(name_bytes) != member.name)
    throw damaged(file, fmt::format("{} has another name in its own header", member.name));
  member.data.offset = header + before;
}

}  // namespace

std::vector<ZipMember> read_zip_directory(File const& file) {
  Directory const directory = find_directory(file);
  if (directory.offset > directory.limit || directory.bytes > directory.limit - directory.offset)
    throw damaged(file, fmt::format("its directory would lie at {}", directory.offset));
  if (directory.bytes > max_directory_bytes || directory.members > directory.bytes / central_bytes)
    throw damaged(file, fmt::format("its directory would have {} members in {} bytes",
                                    directory.members, directory.bytes));
  std::vector<std::byte> const bytes = bytes_at(file, directory.offset, directory.bytes);
  std::string const what = file.path().string() + ": the directory of the ZIP archive";
  ByteReader reader(bytes, what);
  std::vector<ZipMember> members;
  std::vector<std::pair<std::uint64_t, std::size_t>> by_header;
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    ZipMember& member = members.emplace_back(read_central(file, reader));
    if (!names.insert(member.name).second)
      throw damaged(file, fmt::format("{} is there twice", member.name));
    by_header.emplace_back(member.data.offset, i);
    find_data(file, member, directory.offset);
  }
  if (reader.left() > 0)
    throw damaged(file,
                  fmt::format("its directory goes on behind its {} members", directory.members));
  std::sort(by_header.begin(), by_header.end());
  for (std::size_t i = 1; i < by_header.size(); ++i) {
    ZipMember const& before = members[by_header[i - 1].second];
    if (before.data.offset + before.data.bytes > by_header[i].first)
      throw damaged(
          file, fmt::format("{} and {} overlap", before.name, members[by_header[i].second].name));
  }
  return members;
}

void check_crc(File const& file, ZipMember const& member) {
  std::vector<std::byte> buffer;
  uLong crc = crc32(0, nullptr, 0);
  for (std::uint64_t done = 0; done < member.data.bytes; done += buffer.size()) {
    buffer.resize(std::min<std::uint64_t>(1 << 20, member.data.bytes - done));
    file.read_at(member.data.offset + done, buffer);
    crc = crc32_z(crc, reinterpret_cast<Bytef const*>(buffer.data()), buffer.size());
  }
  if (crc != member.crc)
    throw damaged(file, fmt::format("the bytes of {} do not match their CRC-32", member.name));
}

// Sizes and offsets stand in the 64-bit fields throughout: one form, whatever the size.
void ZipWriter::begin(std::string name) {
  if (!members_.empty()) end_member();
  constexpr std::uint16_t padding_field = 0x4246, field_header = 4, zip64_bytes = 16;
  std::uint64_t const fixed = local_bytes + name.size() + 2 * field_header + zip64_bytes;
  std::uint64_t const padding = (alignment_ - (end_ + fixed) % alignment_) % alignment_;
  ByteWriter header;
  header.number(local_signature).number(std::uint16_t{45}).zeros(2).number(stored).zeros(8);
  header.number(all_ones).number(all_ones).number(static_cast<std::uint16_t>(name.size()));
  header.number(static_cast<std::uint16_t>(2 * field_header + zip64_bytes + padding)).text(name);
  header.number(zip64_field).number(zip64_bytes).zeros(zip64_bytes);
  header.number(padding_field).number(static_cast<std::uint16_t>(padding)).zeros(padding);
  file_.write_at(end_, header.bytes());
  members_.push_back({{std::move(name), {end_ + header.bytes().size(), 0}, 0}, end_});
  end_ += header.bytes().size();
}

void ZipWriter::append(std::span<std::byte const> bytes) {
  ZipMember& member = members_.back().member;
  file_.write_at(end_, bytes);
  member.crc = static_cast<std::uint32_t>(
      crc32_z(member.crc, reinterpret_cast<Bytef const*>(bytes.data()), bytes.size()));
  member.data.bytes += bytes.size();
  end_ += bytes.size();
}

void ZipWriter::end_member() {
  auto const& [member, header] = members_.back();
  ByteWriter crc, sizes;
  file_.write_at(header + 14, crc.number(member.crc).bytes());
  sizes.number(member.data.bytes).number(member.data.bytes);
  file_.write_at(header + local_bytes + member.name.size() + 4, sizes.bytes());
}

void ZipWriter::finish() {
  if (!members_.empty()) end_member();
  ByteWriter directory;
  for (auto const& [member, header] : members_) {
    directory.number(central_signature).number(std::uint16_t{45}).number(std::uint16_t{45});
    directory.zeros(2).number(stored).zeros(4).number(member.crc);
    directory.number(all_ones).number(all_ones);
    directory.number(static_cast<std::uint16_t>(member.name.size())).number(std::uint16_t{28});
    directory.zeros(10).number(all_ones).text(member.name);
    directory.number(zip64_field).number(std::uint16_t{24});
    directory.number(member.data.bytes).number(member.data.bytes).number(header);
  }
  std::uint64_t const members = members_.size(), bytes = directory.bytes().size();
  directory.number(end64_signature).number(end64_bytes - 12).number(std::uint16_t{45});
  directory.number(std::uint16_t{45}).zeros(8).number(members).number(members);
  directory.number(bytes).number(end_);
  directory.number(locator_signature).zeros(4).number(end_ + bytes).number(std::uint32_t{1});
  directory.number(end_signature).zeros(4).number(std::uint16_t{0xffff});
  directory.number(std::uint16_t{0xffff}).number(all_ones).number(all_ones).zeros(2);
  file_.write_at(end_, directory.bytes());
}

}  // namespace accord::io
