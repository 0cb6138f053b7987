#pragma once
// What the sources of this folder share: the lock, owned identifiers, reasons of failures. Included
// by .cpp files only.

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "core/base/dtype.hpp"

namespace accord::io::hdf5 {

/// Held around every call of the library, whichever flavour it is: Debian's MPI build is not
/// thread-safe. The first one also switches off what must never happen behind our back: printed
/// error stacks and plug-ins loaded for a filter.
class Lock {
 public:
  Lock();

 private:
  std::unique_lock<std::mutex> guard_;
};

/// Owns one identifier. Must die under the lock.
class Id {
 public:
  Id() = default;
  Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  /// What the destructor does, with its result: whether what was held back could be written.
  [[nodiscard]] bool close() { return close_(std::exchange(id_, -1)) >= 0; }
  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
};

/// What the library said last, innermost reason first, in parentheses; empty if it said nothing.
/// Clears the stack.
std::string reason();

/// The native HDF5 type of `dtype`. bfloat16 has none. \throws Error then
hid_t native_type(DType dtype);

/// A UTF-8 string type of `bytes` bytes, NUL-padded.
Id string_type(std::size_t bytes);

}  // namespace accord::io::hdf5
