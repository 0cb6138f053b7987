#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace accord::io {

/// A tensor as the header of a safetensors file tells it.
struct HeaderEntry {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< of its values, among those of the file
};

/// In the order of the header, without its metadata. One pass, no tree is built: time grows as the
/// text does, and memory is that of the entries. \throws DataError, without the file's name: not
/// JSON, no object, nested more deeply than any, an entry that lacks something or is twice there
std::vector<HeaderEntry> parse_safetensors_header(std::string const& text);

}  // namespace accord::io
