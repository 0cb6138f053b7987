#pragma once
// .npy files put together byte by byte.

#include <fmt/format.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace accord::testing {

/// A file of format `version` with this header, padded as NumPy does, and these bytes behind it.
inline std::string npy_file(std::string header, std::string const& data, int version = 1) {
  std::size_t const prefix = version == 1 ? 10 : 12;
  header.resize((prefix + header.size() + 64) / 64 * 64 - prefix - 1, ' ');
  header += '\n';
  std::string file = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  for (std::size_t i = 0; i < prefix - 8; ++i)
    file += static_cast<char>(header.size() >> (8 * i) & 255);
  return file + header + data;
}

inline std::string npy_header(std::string const& type, std::string const& shape,
                              std::string const& fortran = "False") {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}", type, fortran,
                     shape);
}

template <class T>
std::string bytes_of(std::vector<T> const& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// float32 in C order; `shape` as Python writes it: "50, 3".
inline std::string npy(std::string const& shape, std::vector<float> const& values) {
  return npy_file(npy_header("<f4", shape), bytes_of(values));
}

}  // namespace accord::testing
