#pragma once
// Files of named tensors as other programs write them: PyTorch's .pt and safetensors.

#include <filesystem>
#include <functional>
#include <vector>

#include "io/file/file.hpp"
#include "io/interchange/file_tensor.hpp"
#include "io/interchange/zip.hpp"

namespace accord::io {

/// An open file. What describes the tensors is in memory; values are read where they are wanted.
class TensorFile {
 public:
  /// Tells the two formats apart by their first bytes. \throws DataError naming file and tensor if
  /// the file is neither, is damaged, or holds anything but tensors and plain values. A tensor of a
  /// type that is not known is no damage: its `unreadable` says so
  static TensorFile open(std::filesystem::path const& path);

  std::filesystem::path const& path() const { return file_.path(); }
  /// In the order of the file.
  std::vector<FileTensor> const& tensors() const { return tensors_; }

  /// Names of the dictionaries (.pt) that have tensors in them or below, by name; the file itself
  /// is none.
  std::vector<std::string> const& dictionaries() const { return dictionaries_; }
  /// Forgets all tensors but those of one dictionary and below it, which lose its name; "": none.
  void keep_below(std::string const& dictionary);

  /// Bytes that check() looks at: all values if the format has checksums (.pt), none if it has not
  /// (safetensors).
  std::uint64_t bytes_to_check() const;
  /// Compares them with their checksums. `progress` hears how many have been looked at.
  /// \throws DataError naming the storage that is damaged
  void check(std::function<void(std::uint64_t)> const& progress) const;

  /// Elements [begin, begin + count) of a floating tensor as exact_dtype() of its encoding.
  void read(FileTensor const& tensor, Index begin, Index count, std::byte* out) const;
  /// All elements of an int64 or floating tensor; whole numbers beyond 2^53 are rounded.
  std::vector<double> read_numbers(FileTensor const& tensor) const;

 private:
  explicit TensorFile(File file) : file_(std::move(file)) {}

  File file_;
  std::vector<FileTensor> tensors_;
  std::vector<std::string> dictionaries_;
  std::vector<ZipMember> checked_;  ///< by offset
};

}  // namespace accord::io
