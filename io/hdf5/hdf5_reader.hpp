#pragma once
// Reads HDF5 files that may be damaged or hostile. All calls of the library run under one lock of
// ours, so objects may be used from any thread; bulk data of contiguous datasets is better read by
// File::read_at at Hdf5Dataset::offset.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

namespace hdf5 {
class Trouble;
}

/// A dataset as it lies in the file.
struct Hdf5Dataset {
  std::optional<DType>
      dtype;  ///< empty: text, or a number type of another width (read() converts it all the same)
  bool text = false;
  std::vector<Index> shape;  ///< empty: a scalar
  Index elements = 1;
  std::size_t element_bytes = 0;  ///< as stored; of fixed-length text its width
  bool contiguous = false;
  std::uint64_t offset =
      0;  ///< of a contiguous, non-empty dataset: where its first byte lies in the file
  std::uint64_t bytes = 0;  ///< elements * element_bytes
};

/// An open file. Objects are named by their path ("weights/logit_scale"; "/" or "" is the root).
/// What is asked for and not there, of another kind, larger than the file can hold, compressed by
/// an unknown filter, reached by a link that is not a hard one, stored outside the file, or
/// unreadable throws DataError naming file, object and reason; a disk that fails, IoError.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(std::filesystem::path path);
  Hdf5Reader(Hdf5Reader&& other) noexcept;
  Hdf5Reader& operator=(Hdf5Reader&& other) noexcept;
  ~Hdf5Reader();

  std::filesystem::path const& path() const { return path_; }

  bool exists(std::string const& object) const;
  /// Paths, relative to `group`, of all datasets below it, sorted.
  std::vector<std::string> datasets(std::string const& group = "/") const;
  /// Names of the groups and datasets directly in `group`, sorted.
  std::vector<std::string> members(std::string const& group = "/") const;
  Hdf5Dataset dataset(std::string const& name) const;

  /// The whole dataset, row-major, converted to T (double, float, uint8_t, int32_t, int64_t,
  /// uint64_t). Floating values are not converted to integers.
  template <class T>
  std::vector<T> read(std::string const& name) const;
  /// Fixed or variable length text; trailing NULs are dropped.
  std::vector<std::string> read_text(std::string const& name) const;

  std::vector<std::string> attributes(std::string const& object) const;  ///< names, sorted
  std::string attribute_text(std::string const& object, std::string const& name) const;
  std::vector<std::string> attribute_texts(std::string const& object,
                                           std::string const& name) const;  ///< [n] or one
  /// T as for read(); booleans (enumerations) read as numbers.
  template <class T>
  T attribute(std::string const& object, std::string const& name) const;
  template <class T>
  std::vector<T> attribute_values(std::string const& object, std::string const& name) const;

 private:
  void expand(std::string const& name, std::uint64_t bytes) const;

  std::filesystem::path path_;
  std::unique_ptr<hdf5::Trouble> trouble_;  ///< its address is known to the library
  std::int64_t file_ = -1;
  std::uint64_t file_bytes_ = 0;
  mutable std::set<std::string> expanded_;  ///< compressed datasets that were read
  mutable std::uint64_t expanded_bytes_ = 0;
};

}  // namespace accord::io
