#pragma once
// Walks through a tar archive without unpacking it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "io/dataset/input/archive_bytes.hpp"

namespace accord::io {

/// A regular file inside an archive, or something that stands in its place and is not read.
struct TarMember {
  std::string name;
  std::uint64_t offset = 0, bytes = 0;  ///< where its content lies in the archive
  std::string refused;  ///< why it must not be read: a link, a device, a path that leads out;
                        ///< empty: read it
};

/// ustar, pax and GNU archives, old ones included, plain or packed by gzip. Names are only ever
/// names: nothing is written anywhere. Folders, pax globals and the like are passed over.
class TarReader {
 public:
  /// \throws DataError if the file is missing, may not be read or is packed otherwise
  explicit TarReader(std::filesystem::path const& path);

  /// The next member; none at the end. Not to be called after an error.
  /// \throws DataError naming archive and byte if a header is damaged or the archive ends early
  std::optional<TarMember> next();
  /// Content of the member that next() gave last. \throws DataError if it has more than `limit`
  /// bytes, or ends early
  std::string read(TarMember const& member, std::uint64_t limit);

 private:
  [[noreturn]] void fail(std::string const& problem) const;
  std::string content(std::uint64_t offset, std::uint64_t bytes);
  std::string long_text(std::uint64_t offset, std::uint64_t bytes);

  std::filesystem::path path_;
  std::unique_ptr<ArchiveBytes> bytes_;
  std::uint64_t at_ = 0;  ///< of the next header
};

}  // namespace accord::io
