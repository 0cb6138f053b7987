#pragma once
// ZIP archives whose members are stored uncompressed, as PyTorch writes them; with the 64-bit
// extension. (PKWARE APPNOTE 6.3.)

#include <cstdint>
#include <string>
#include <vector>

#include "io/file/extent.hpp"
#include "io/file/file.hpp"

namespace accord::io {

struct ZipMember {
  std::string name;
  Extent data;            ///< its bytes in the archive, as they are
  std::uint32_t crc = 0;  ///< CRC-32 of them
};

/// The members in the order of the directory. Names are texts here, never paths to write to.
/// \throws DataError naming file and member: compressed or encrypted members (so nothing can grow
/// when it is read), members that overlap, lie outside of the file or are named twice, a directory
/// that does not describe the file
std::vector<ZipMember> read_zip_directory(File const& file);

/// Reads all bytes of a member. \throws DataError if their CRC-32 is another
void check_crc(File const& file, ZipMember const& member);

/// Writes an archive from the front to the back: the bytes of a member follow its begin().
class ZipWriter {
 public:
  /// Data begin at multiples of `alignment`.
  ZipWriter(File& file, std::uint64_t alignment) : file_(file), alignment_(alignment) {}

  void begin(std::string name);
  void append(std::span<std::byte const> bytes);
  /// Writes the directory. No member follows.
  void finish();

 private:
  struct Written {
    ZipMember member;
    std::uint64_t header = 0;  ///< offset of its local header
  };
  void end_member();

  File& file_;
  std::uint64_t alignment_, end_ = 0;
  std::vector<Written> members_;
};

}  // namespace accord::io
