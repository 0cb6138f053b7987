#pragma once
// What writers of uncompressed sounds leave where a length belongs that they did not know yet.

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/error.hpp"

namespace accord::io {

/// Pipes end with 0xFFFFFFFF, 0x7FFFFFFF or a little less (room for headers, whole blocks). No
/// sound that is accepted is as long as any of them.
constexpr bool says_until_end(std::uint64_t bytes) { return bytes >= 0x7f000000; }

/// Bytes of the whole frames that lie in `samples`, which reach until the end of the file.
/// \param frame bytes; 0: not known, all are taken
/// \throws DataError if the last frame is cut: more is over than the byte that fills up odd lengths
inline std::size_t whole_frames(std::span<std::byte const> samples, std::size_t frame,
                                std::string_view format) {
  std::size_t const over = frame > 0 ? samples.size() % frame : 0;
  bool const filled = over == 1 && samples.size() % 2 == 0 && samples.back() == std::byte{0};
  if (over > 0 && !filled)
    throw DataError(fmt::format("a damaged {}: the data end within a sample", format));
  return samples.size() - over;
}

}  // namespace accord::io
