#pragma once
// The bytes of an archive file, unpacked if it is compressed.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace accord::io {

/// Read front to back: an offset never lies before the end of what was read.
class ArchiveBytes {
 public:
  virtual ~ArchiveBytes() = default;
  /// Fills `out` from `offset`. Returns how many bytes there were: fewer at the end.
  /// \throws DataError if they cannot be unpacked
  virtual std::size_t read(std::uint64_t offset, std::span<std::byte> out) = 0;
  /// How many there are, where that is known without reading them.
  virtual std::optional<std::uint64_t> size() const = 0;
  /// To be called where nothing more is read: what is left is checked. \throws DataError
  virtual void finish() {}

  /// By its first bytes plain or gzip, whatever its name. \throws DataError if it is missing, may
  /// not be read, or is compressed otherwise
  static std::unique_ptr<ArchiveBytes> open(std::filesystem::path const& path);
};

/// Whether a name ends as that of a tar that can be read: .tar, .tar.gz, .tgz, in any case.
bool is_archive_name(std::string_view name);
/// .tar.zst and others that cannot.
bool is_foreign_archive_name(std::string_view name);
/// For reports, of these.
inline constexpr char const* foreign_file =
    "compressed file that is not read: unpack it, or a tar with gzip";

}  // namespace accord::io
