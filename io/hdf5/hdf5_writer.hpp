#pragma once
// Creates HDF5 files. All calls of the library run under one lock of ours; bulk data goes by
// File::write_at at the offset that create_dataset() returns, after close().

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "io/file/extent.hpp"

namespace accord::io {

namespace hdf5 {
class Trouble;
}

/// How a file's bytes are arranged.
struct Hdf5Layout {
  std::uint64_t alignment = 1 << 20;    ///< datasets of at least so many bytes start at a multiple
  std::uint64_t metadata_block = 2048;  ///< metadata is kept together in blocks of so many bytes
};

/// A new file (an existing one is replaced) in the newest format version, whose metadata carries
/// checksums. Groups on the way to an object are made as needed. Every failure throws IoError
/// naming file, object and HDF5's or the disk's reason; one that HDF5 meets only later, when it
/// writes what it held back, in the call in which it does, close() at the latest. Nothing is
/// durable before close() and an fsync of the file.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(std::filesystem::path path, Hdf5Layout layout = {});
  Hdf5Writer(Hdf5Writer&& other) noexcept;
  Hdf5Writer& operator=(Hdf5Writer&& other) noexcept;
  ~Hdf5Writer();  ///< closes, ignoring failures; call close() to see them

  std::filesystem::path const& path() const { return path_; }
  void close();

  void create_group(std::string const& group);
  /// A contiguous dataset, allocated at once and not filled (its bytes are zero or whatever the
  /// disk held: write them all). From 1 MiB on it starts at a multiple of 1 MiB. Returns its offset
  /// in the file (0 if it has no elements).
  std::uint64_t create_dataset(std::string const& name, DType dtype, std::span<Index const> shape);

  /// Creates a contiguous dataset and writes it. T: double, float, uint8_t, int32_t, int64_t,
  /// uint64_t. Returns where its bytes lie.
  template <class T>
  Extent write(std::string const& name, std::span<T const> values, std::span<Index const> shape);
  template <class T>
  Extent write(std::string const& name, std::span<T const> values) {
    Index const shape[] = {static_cast<Index>(values.size())};
    return write(name, values, std::span<Index const>(shape));
  }
  Extent write_text(std::string const& name, std::span<std::string const> values);

  /// An object that stands for `target_object` of another file (path relative to this one).
  void link(std::string const& name, std::string const& target_file,
            std::string const& target_object);

  /// Attributes of an existing object; "/" is the root. T as for write().
  template <class T>
  void attribute(std::string const& object, std::string const& name, T value);
  void attribute_text(std::string const& object, std::string const& name, std::string const& value);
  void attribute_texts(std::string const& object, std::string const& name,
                       std::span<std::string const> values);

 private:
  void check(std::string const& object, bool good, char const* problem) const;

  std::filesystem::path path_;
  std::unique_ptr<hdf5::Trouble> trouble_;  ///< its address is known to the library
  std::int64_t file_ = -1;
};

}  // namespace accord::io
