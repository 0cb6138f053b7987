#pragma once
// Files by descriptor: whole reads and writes at offsets, durable commits. Thread-safe; no MPI, no
// HDF5.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace accord::io {

/// Owns one open descriptor. Every failure throws IoError with path, operation and reason (full
/// disk named as such); those that may pass (persistence.hpp) only after they were tried again.
class File {
 public:
  /// \throws DataError if there is no such regular file, IoError for any other reason.
  static File open_read(std::filesystem::path const& path);
  /// For reading and writing; created if absent, never truncated.
  static File open_write(std::filesystem::path const& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  std::uint64_t size() const;
  /// Fills `out` from `offset`. \throws DataError if the file ends before.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;
  void write_at(std::uint64_t offset, std::span<std::byte const> bytes);
  void resize(std::uint64_t bytes);
  void sync();
  /// What the destructor does, with its result looked at. Only a move into it and the destructor
  /// may follow.
  void close();
  /// Asks the system to read the file from its disk next time. It may not; nothing is lost then.
  void forget_cached() const;
  std::filesystem::path const& path() const { return path_; }

 private:
  File(int descriptor, std::filesystem::path path)
      : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_ = -1;
  bool reading_only_ = false;
  std::filesystem::path path_;
};

/// The whole file as text or bytes. \throws DataError if it is missing or larger than `limit`.
std::string read_file(std::filesystem::path const& path, std::uint64_t limit = 1ull << 30);

/// Writes path.tmp, syncs, renames over path and syncs the folder: a reader sees the old content or
/// the new, never half. After a failure path.tmp is gone.
void write_file_atomically(std::filesystem::path const& path, std::string_view content);

/// Moves a file that was synced to `to`, replacing what was there, and syncs the folders of both.
void rename_durably(std::filesystem::path const& from, std::filesystem::path const& to);

/// Makes entries of a folder (creations, renames) durable.
void sync_directory(std::filesystem::path const& directory);

}  // namespace accord::io
