#pragma once
// Files that a user names to get results.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace accord::io {

/// Where results go. Made before the work begins, so that what cannot be written is refused first.
class Output {
 public:
  /// `option` ("--out") stands for the path in messages.
  /// \throws UsageError if the path is empty, a folder, a disk or a socket; IoError if it is a link
  /// to nothing, or no file can be made there
  Output(std::filesystem::path path, std::string const& option);

  /// The file itself, behind all links.
  std::filesystem::path const& path() const { return path_; }
  /// A pipe, a terminal or another device: it takes bytes one after another and is never replaced.
  bool is_stream() const { return stream_; }
  /// For formats that are not written from front to back. \throws UsageError if is_stream()
  std::filesystem::path const& seekable() const;

  /// Replaces the file's content, atomically; writes into a stream. \throws IoError
  void write(std::string_view content) const;

 private:
  std::filesystem::path path_;
  std::string option_;
  bool stream_ = false;
};

/// Makes sure that `folder`, or the nearest one on the way to it that exists, can be written; makes
/// nothing. `key` ("checkpoint.directory") stands for it in messages. \throws UsageError if the
/// path is empty, IoError if it is a link to nothing or no files can be made there
void require_writable_folder(std::filesystem::path const& folder, std::string const& key);

/// \throws IoError unless `bytes` are free where `folder` lies, or will; nothing where the file
/// system does not say
void require_space(std::filesystem::path const& folder, std::uint64_t bytes,
                   std::string const& purpose);

}  // namespace accord::io
