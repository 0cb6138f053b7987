#include "core/base/error.hpp"
#include "io/media/array.hpp"
#include "tests/fuzz/format.hpp"
#include "tests/io/media/arrays.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  using namespace testing;
  return {npy("5, 3", std::vector<float>(15, 1.5F)),
          npy_file(npy_header(">i2", "2, 3, 2", "True"), std::string(24, '\1'), 2),
          npy_file(npy_header("<f2", "4,"), std::string(8, '\2'), 3),
          npy_file(npy_header("|b1", ""), "\1")};
}

void read(std::string const& input) {
  io::ArrayLimits limits;
  limits.max_elements = 1 << 18;  // so that a run tries many inputs
  auto const bytes = std::as_bytes(std::span(input));
  io::Array const array = io::decode_array(bytes, limits);
  Index elements = 1;
  for (Index const extent : array.shape) elements *= extent;
  if (io::array_shape(bytes, limits).shape != array.shape ||
      static_cast<Index>(array.values.size()) != elements)
    throw Error("the header and the decoder do not agree on the shape");
}

}  // namespace accord::fuzz
