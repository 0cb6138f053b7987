#pragma once

#include "io/interchange/tensor_file.hpp"
#include "tests/fuzz/memory_file.hpp"

namespace accord::fuzz {

/// Looks at every tensor of a file, as an import would.
inline void read_tensors(std::string const& content) {
  MemoryFile const memory(content);
  io::TensorFile const file = io::TensorFile::open(memory.path());
  file.check([](std::uint64_t) {});
  for (io::FileTensor const& tensor : file.tensors())
    if (is_floating(tensor.encoding) || tensor.encoding == io::Encoding::int64)
      file.read_numbers(tensor);
}

}  // namespace accord::fuzz
