#include "io/checkpoint/carried.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "io/checkpoint/data_file.hpp"
#include "io/checkpoint/file_layout.hpp"
#include "io/checkpoint/read.hpp"
#include "io/file/file.hpp"

namespace accord::io {

namespace fs = std::filesystem;

std::optional<CarriedTensors> carry(OpenCheckpoint const& source, std::span<TensorInfo const> used,
                                    fs::path const& directory) {
  std::set<std::string> listed;
  for (TensorInfo const& info : used) listed.insert(info.path());
  std::vector<StoredTensor const*> stored;
  std::vector<TensorInfo const*> infos;
  std::vector<DType> dtypes;
  for (StoredTensor const& tensor : source.manifest.tensors) {
    if (tensor.info.kind != "weight" || listed.contains(tensor.info.path())) continue;
    stored.push_back(&tensor);
    infos.push_back(&tensor.info);
    dtypes.push_back(tensor.info.dtype);
  }
  if (stored.empty()) return std::nullopt;

  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    throw IoError(fmt::format("{}: cannot be created: {}", directory.string(), error.message()));
  CarriedTensors carried{directory / carried_name, {}, {}};
  CreatedFile const created = create_data_file(carried.path, infos);
  carried.file = {carried_name, created.bytes, created.outside, {}};
  File file = File::open_write(carried.path);
  std::vector<std::byte> buffer;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    carried.tensors.push_back({*infos[i], 0, created.offsets[i]});
    auto const element = static_cast<Index>(size_of(dtypes[i]));
    Index const elements = infos[i]->shape.size();
    Index const most = static_cast<Index>(max_run_bytes) / element;
    for (Index begin = 0; begin < elements; begin += most) {
      Index const count = std::min(most, elements - begin);
      buffer.resize(static_cast<std::size_t>(count * element));
      Piece const piece{static_cast<int>(i), begin, count, buffer.data()};
      read_pieces(source, stored, dtypes, {&piece, 1});
      std::uint64_t const offset = created.offsets[i] + static_cast<std::uint64_t>(begin * element);
      file.write_at(offset, buffer);
      carried.file.runs.push_back({offset, buffer.size(), hash128(buffer)});
    }
  }
  file.sync();
  std::ranges::sort(carried.file.runs, {}, &HashedRun::offset);
  return carried;
}

std::optional<CarriedTensors> carried_by(OpenCheckpoint const& checkpoint) {
  std::vector<CheckpointFile> const& files = checkpoint.manifest.files;
  auto const file = std::ranges::find(files, carried_name, &CheckpointFile::name);
  if (file == files.end()) return std::nullopt;
  CarriedTensors carried{checkpoint.folder / carried_name, *file, {}};
  for (StoredTensor const& tensor : checkpoint.manifest.tensors)
    if (tensor.file == file - files.begin()) carried.tensors.push_back(tensor);
  return carried;
}

void link_carried(CarriedTensors const& carried, fs::path const& folder) {
  fs::path const target = folder / carried_name;
  std::error_code error;
  fs::create_hard_link(carried.path, target, error);
  if (!error) return;
  fs::copy_file(carried.path, target, error);
  if (error)
    throw IoError(fmt::format("{}: cannot be copied from {}: {}", target.string(),
                              carried.path.string(), error.message()));
  File::open_write(target).sync();
}

}  // namespace accord::io
