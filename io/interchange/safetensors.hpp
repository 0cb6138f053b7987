#pragma once
// safetensors: the length of a header as 8 bytes, the header as JSON, then the values of all
// tensors, one after another without a gap.

#include <filesystem>
#include <map>

#include "io/file/file.hpp"
#include "io/interchange/file_tensor.hpp"

namespace accord::io {

/// By offset. Tensors of a type that is not known are there and unreadable. \throws DataError
/// naming file and tensor: a header that is too long, not JSON, or names a tensor twice; values
/// that overlap, leave a gap, lie outside of the file or do not have the size that shape and type
/// give
std::vector<FileTensor> read_safetensors_header(File const& file);

/// Writes a new file: `metadata` are texts that go into the header. Under another name first, and
/// durable under its own when this returns. Wider types come first, so that every value lies at a
/// multiple of its size. \throws IoError
void write_safetensors(std::filesystem::path const& path, std::vector<FileTensor> const& tensors,
                       std::map<std::string, std::string> const& metadata,
                       TensorValues const& values);

}  // namespace accord::io
