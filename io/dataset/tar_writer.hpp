#pragma once
// Writes a tar archive that every reader knows: ustar, with pax records where a name needs them.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/file/file.hpp"

namespace accord::io {

/// Writes beside `path` (path.tmp); finish() makes the archive appear, whole and durable. Equal
/// members give equal bytes: no owner, no time. Memory: 1 MiB and the largest member.
class TarWriter {
 public:
  explicit TarWriter(std::filesystem::path path);
  ~TarWriter();  ///< removes what was not finished
  TarWriter(TarWriter const&) = delete;
  TarWriter& operator=(TarWriter const&) = delete;

  void add(std::string const& name, std::span<std::byte const> content);
  void finish();

 private:
  void member(std::string const& name, char type, std::span<std::byte const> content);
  void append(std::span<std::byte const> bytes);
  void flush();

  std::filesystem::path path_, temporary_;
  File file_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
  bool finished_ = false;
};

}  // namespace accord::io
