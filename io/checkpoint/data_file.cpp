#include "io/checkpoint/data_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "io/checkpoint/check.hpp"
#include "io/hdf5/hdf5_writer.hpp"

namespace accord::io {
namespace {

// Values back to back behind one block of metadata: pieces of neighbouring tensors merge into one
// write.
Hdf5Layout dense_layout(std::size_t tensors) {
  return {.alignment = 1, .metadata_block = 4096 + 512 * tensors};
}

CreatedFile finish(Hdf5Writer& writer, std::vector<std::uint64_t> offsets,
                   std::vector<ByteRange> ranges) {
  writer.attribute_text("/", "format", "accord-checkpoint");
  writer.attribute("/", "version", std::int64_t{1});
  writer.close();
  File file = File::open_write(writer.path());
  file.sync();
  std::sort(ranges.begin(), ranges.end(),
            [](ByteRange const& a, ByteRange const& b) { return a.offset < b.offset; });
  return {std::move(offsets), file.size(), hash_outside(file, ranges)};
}

}  // namespace

CreatedFile create_data_file(std::filesystem::path const& path,
                             std::span<TensorInfo const* const> tensors) {
  Hdf5Writer writer(path, dense_layout(tensors.size()));
  std::vector<std::uint64_t> offsets;
  std::vector<ByteRange> ranges;
  for (TensorInfo const* tensor : tensors) {
    std::vector<Index> shape;
    for (int i = 0; i < tensor->shape.rank(); ++i) shape.push_back(tensor->shape[i]);
    offsets.push_back(writer.create_dataset(tensor->path(), tensor->dtype, shape));
    ranges.push_back({offsets.back(),
                      static_cast<std::uint64_t>(tensor->shape.size()) * size_of(tensor->dtype)});
  }
  return finish(writer, std::move(offsets), std::move(ranges));
}

CreatedFile create_index_file(std::filesystem::path const& path, std::span<TensorInfo const> infos,
                              std::span<int const> file_of,
                              std::span<std::string const> file_names) {
  Hdf5Writer writer(path, dense_layout(infos.size()));
  for (std::size_t i = 0; i < infos.size(); ++i)
    writer.link(infos[i].path(), file_names[static_cast<std::size_t>(file_of[i])],
                fmt::format("/{}", infos[i].path()));
  return finish(writer, {}, {});
}

}  // namespace accord::io
