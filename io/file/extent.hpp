#pragma once
// A range of bytes in a file.

#include <cstdint>

namespace accord::io {

/// Bytes [offset, offset + bytes) of a file. bytes = 0: nothing is stored there, and the offset
/// means nothing.
struct Extent {
  std::uint64_t offset = 0, bytes = 0;
  friend bool operator==(Extent const&, Extent const&) = default;
};

}  // namespace accord::io
