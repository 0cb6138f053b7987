#pragma once
// The HDF5 files of a checkpoint as they are before any value is written: everything but the
// values.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/checkpoint/content.hpp"
#include "io/file/hash.hpp"

namespace accord::io {

struct CreatedFile {
  std::vector<std::uint64_t> offsets;  ///< of the tensors' values, in the order given
  std::uint64_t bytes = 0;
  Hash128 outside;  ///< of all bytes that belong to no tensor
};

/// Creates a file with a contiguous dataset `/<kind>/<name>` for each tensor, one after another,
/// and makes it durable. Values go to their offsets by File::write_at. One rank per file. \throws
/// IoError
CreatedFile create_data_file(std::filesystem::path const& path,
                             std::span<TensorInfo const* const> tensors);

/// Creates a file in which every tensor is an external link to tensor `file_of[i]` of `file_names`,
/// beside it.
CreatedFile create_index_file(std::filesystem::path const& path, std::span<TensorInfo const> infos,
                              std::span<int const> file_of,
                              std::span<std::string const> file_names);

}  // namespace accord::io
