#pragma once
// How HDF5 reaches the disk in this program: by File, whose errors are seen and tried again. The
// library's own driver loses them: it writes small datasets when they are closed, long after the
// call that gave the values. Included by .cpp files only.

#include <exception>
#include <memory>

#include "io/hdf5/hdf5_internal.hpp"

namespace accord::io::hdf5 {

/// The first failure of the disk below one open file. After it nothing more is written, and the
/// library hears of success, so that it can put its own house in order: a file whose close fails
/// stays half open inside it. Whoever owns this throws it on.
class Trouble {
 public:
  void note(std::exception_ptr failure) {
    if (!first_) first_ = std::move(failure);
  }
  bool any() const { return first_ != nullptr; }
  /// \throws IoError if there was any
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::exception_ptr first_;
};

/// Makes files that are opened with this list of properties go through File; `trouble` outlives
/// them. Under the lock.
void use_file_driver(hid_t access_properties, Trouble& trouble);

}  // namespace accord::io::hdf5
