#include "io/checkpoint/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "io/checkpoint/carried.hpp"
#include "io/checkpoint/check.hpp"
#include "io/file/list_some.hpp"

namespace accord::io {
namespace {

template <class From, class To>
void convert(std::byte const* from, std::byte* to, std::uint64_t count) {
  // Runs lie in the file at any byte: values are copied out before they are used as numbers.
  for (std::uint64_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * sizeof(From), sizeof(From));
    To const converted = static_cast<To>(value);
    std::memcpy(to + i * sizeof(To), &converted, sizeof(To));
  }
}

void copy_elements(DType stored, std::byte const* from, DType wanted, std::byte* to,
                   std::uint64_t count) {
  if (stored == wanted)
    std::memcpy(to, from, count * size_of(stored));
  else if (stored == DType::float32 && wanted == DType::float64)
    convert<float, double>(from, to, count);
  else if (stored == DType::float64 && wanted == DType::float32)
    convert<double, float>(from, to, count);
  else
    throw Error(fmt::format("checkpoint: {} loaded as {}", name_of(stored), name_of(wanted)));
}

struct Want {
  int file;
  std::size_t run;  // of that file
  std::size_t piece;
};

}  // namespace

std::vector<StoredTensor const*> match_tensors(OpenCheckpoint const& checkpoint,
                                               std::span<TensorInfo const> infos, bool all_listed) {
  std::map<std::string, StoredTensor const*> by_path;
  for (StoredTensor const& tensor : checkpoint.manifest.tensors)
    by_path.emplace(tensor.info.path(), &tensor);
  std::vector<StoredTensor const*> stored;
  std::vector<std::string> missing, reshaped, unknown;
  std::set<std::string> listed;
  for (TensorInfo const& info : infos) {
    auto const found = by_path.find(info.path());
    listed.insert(info.path());
    if (found == by_path.end()) {
      missing.push_back(info.path());
      continue;
    }
    if (!(found->second->info.shape == info.shape))
      reshaped.push_back(fmt::format("{} {}, here {}", info.path(),
                                     to_string(found->second->info.shape), to_string(info.shape)));
    stored.push_back(found->second);
  }
  auto const carried = [&](StoredTensor const& tensor) {
    return checkpoint.manifest.files[static_cast<std::size_t>(tensor.file)].name == carried_name;
  };
  if (all_listed)
    for (auto const& [path, tensor] : by_path)
      if (!listed.contains(path) && !carried(*tensor)) unknown.push_back(path);
  std::string problems;
  if (!missing.empty()) problems += fmt::format("; it lacks {}", list_some(missing));
  if (!reshaped.empty()) problems += fmt::format("; shapes differ: {}", list_some(reshaped));
  if (!unknown.empty())
    problems += fmt::format("; it holds what is unknown here: {}", list_some(unknown));
  if (!problems.empty())
    throw DataError(fmt::format(
        "{}: the checkpoint does not fit the model{}; use the configuration it was saved with",
        checkpoint.folder.string(), problems));
  return stored;
}

void read_pieces(OpenCheckpoint const& checkpoint, std::span<StoredTensor const* const> stored,
                 std::span<DType const> dtypes, std::span<Piece const> pieces) {
  std::vector<CheckpointFile> const& files = checkpoint.manifest.files;
  std::vector<Want> wants;
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    StoredTensor const& tensor = *stored[static_cast<std::size_t>(pieces[p].tensor)];
    std::uint64_t const element = size_of(tensor.info.dtype);
    ACCORD_CHECK(pieces[p].begin >= 0 && pieces[p].count >= 0 &&
                     pieces[p].begin + pieces[p].count <= tensor.info.shape.size(),
                 "checkpoint: elements [{}, {}) of {} with shape {}", pieces[p].begin,
                 pieces[p].begin + pieces[p].count, tensor.info.path(),
                 to_string(tensor.info.shape));
    std::uint64_t const begin =
        tensor.offset + static_cast<std::uint64_t>(pieces[p].begin) * element;
    std::uint64_t const end = begin + static_cast<std::uint64_t>(pieces[p].count) * element;
    auto const& runs = files[static_cast<std::size_t>(tensor.file)].runs;
    auto run = std::upper_bound(
        runs.begin(), runs.end(), begin,
        [](std::uint64_t offset, HashedRun const& r) { return offset < r.offset + r.bytes; });
    for (; run != runs.end() && run->offset < end; ++run)
      wants.push_back({tensor.file, static_cast<std::size_t>(run - runs.begin()), p});
  }
  std::sort(wants.begin(), wants.end(), [](Want const& a, Want const& b) {
    return a.file != b.file ? a.file < b.file : a.run < b.run;
  });

  std::optional<File> file;
  std::vector<std::byte> buffer;
  for (std::size_t i = 0; i < wants.size(); ++i) {
    Want const& want = wants[i];
    CheckpointFile const& entry = files[static_cast<std::size_t>(want.file)];
    HashedRun const& run = entry.runs[want.run];
    bool const new_file = i == 0 || wants[i - 1].file != want.file;
    if (new_file) file = File::open_read(checkpoint.folder / entry.name);
    if (new_file || wants[i - 1].run != want.run) read_run(*file, run, buffer);

    Piece const& piece = pieces[want.piece];
    StoredTensor const& tensor = *stored[static_cast<std::size_t>(piece.tensor)];
    DType const wanted = dtypes[static_cast<std::size_t>(piece.tensor)];
    std::uint64_t const element = size_of(tensor.info.dtype);
    std::uint64_t const begin = tensor.offset + static_cast<std::uint64_t>(piece.begin) * element;
    std::uint64_t const end = begin + static_cast<std::uint64_t>(piece.count) * element;
    std::uint64_t const from = std::max(begin, run.offset);
    std::uint64_t const to = std::min(end, run.offset + run.bytes);
    if ((from - begin) % element != 0 || (to - from) % element != 0)
      throw DataError(fmt::format("{}: a run ends inside an element of {}", file->path().string(),
                                  tensor.info.path()));
    copy_elements(tensor.info.dtype, buffer.data() + (from - run.offset), wanted,
                  static_cast<std::byte*>(piece.data) + (from - begin) / element * size_of(wanted),
                  (to - from) / element);
  }
}

TensorValues stored_values(OpenCheckpoint const& checkpoint,
                           std::vector<StoredTensor const*> tensors) {
  return [&checkpoint, tensors = std::move(tensors)](std::size_t tensor, Index begin,
                                                     std::span<std::byte> out) {
    StoredTensor const* const stored = tensors[tensor];
    DType const dtype = stored->info.dtype;
    Piece const piece{0, begin, static_cast<Index>(out.size() / size_of(dtype)), out.data()};
    read_pieces(checkpoint, {&stored, 1}, {&dtype, 1}, {&piece, 1});
  };
}

}  // namespace accord::io
