#include "io/checkpoint/save.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "core/comm/gather_lists.hpp"
#include "io/checkpoint/check.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/checkpoint/data_file.hpp"
#include "io/checkpoint/finite.hpp"
#include "io/file/file.hpp"

namespace accord::io {
namespace {

namespace fs = std::filesystem;

constexpr char const* index_name = "index.h5";

void check_infos(std::span<TensorInfo const> infos) {
  ACCORD_CHECK(!infos.empty(), "checkpoint: no tensors");
  std::set<std::string> seen;
  for (TensorInfo const& info : infos) {
    bool const named = !info.kind.empty() && !info.name.empty() &&
                       info.kind.find('/') == std::string::npos &&
                       info.name.find('/') == std::string::npos;
    ACCORD_CHECK(named, "checkpoint: '{}' cannot name a tensor", info.path());
    ACCORD_CHECK(seen.insert(info.path()).second, "checkpoint: {} is listed twice", info.path());
    ACCORD_CHECK(info.dtype == DType::float32 || info.dtype == DType::float64,
                 "checkpoint: {} is {}; float32 and float64 are stored", info.path(),
                 name_of(info.dtype));
    ACCORD_CHECK(info.shape.size() > 0, "checkpoint: {} has shape {}", info.path(),
                 to_string(info.shape));
  }
}

// The list as a number, to see that all ranks have the same one.
Index fingerprint(std::span<TensorInfo const> infos) {
  std::string text;
  for (TensorInfo const& info : infos)
    text += fmt::format("{} {} {}\n", info.path(), to_string(info.shape), name_of(info.dtype));
  return std::bit_cast<Index>(hash64(std::as_bytes(std::span(text))));
}

void check_free_space(fs::path const& folder, std::span<TensorInfo const> infos) {
  std::uint64_t needed = 0;
  for (TensorInfo const& info : infos)
    needed += static_cast<std::uint64_t>(info.shape.size()) * size_of(info.dtype);
  std::error_code error;
  fs::space_info const space = fs::space(folder, error);
  if (!error && space.available < needed)
    throw IoError(fmt::format(
        "{}: a checkpoint takes {} bytes, {} are free; free space or use another folder",
        folder.string(), needed, space.available));
}

int creator_of(std::size_t file, std::size_t files, int ranks) {
  return static_cast<int>(file * static_cast<std::size_t>(ranks) / files);
}

}  // namespace

CheckpointSave::CheckpointSave(Communicator& communicator, Queue& queue, fs::path directory,
                               Index step, std::vector<TensorInfo> infos,
                               std::vector<ConstPiece> pieces, Documents documents,
                               SaveOptions options)
    : directory_(std::move(directory)),
      step_(step),
      infos_(std::move(infos)),
      pieces_(std::move(pieces)),
      documents_(std::move(documents)),
      options_(std::move(options)) {
  lay_out(communicator, queue);
  create(communicator, queue);
}

fs::path CheckpointSave::unfinished() const {
  return step_folder(directory_, step_).string() + ".tmp";
}

template <class Phase>
void CheckpointSave::phase(Communicator& communicator, Queue& queue, Phase&& phase) {
  try {
    together(communicator, queue, phase);
  } catch (Error const&) {
    // Nobody writes any more. The space may be what was missing; if this fails too, the next save
    // removes it.
    std::error_code ignored;
    if (communicator.rank() == 0) fs::remove_all(unfinished(), ignored);
    throw;
  }
}

void CheckpointSave::lay_out(Communicator& communicator, Queue& queue) {
  std::vector<Index> mine{fingerprint(infos_)};
  for (ConstPiece const& piece : pieces_)
    mine.insert(mine.end(), {piece.tensor, piece.begin, piece.count});
  std::vector<std::vector<Index>> const lists = gather_lists(queue, communicator, mine);
  together(communicator, queue, [&] {
    check_infos(infos_);
    if (communicator.rank() == 0)
      to_text({step_, documents_, {}, {}});  // better now than after the writing
    std::vector<ConstPiece> everything;
    for (std::vector<Index> const& list : lists) {
      ACCORD_CHECK(list[0] == mine[0], "checkpoint: the ranks list different tensors");
      std::vector<ConstPiece>& pieces = all_pieces_.emplace_back();
      for (std::size_t i = 1; i < list.size(); i += 3)
        pieces.push_back({static_cast<int>(list[i]), list[i + 1], list[i + 2], nullptr});
      everything.insert(everything.end(), pieces.begin(), pieces.end());
    }
    check_coverage(infos_, everything);
  });
  if (communicator.rank() != 0) all_pieces_.clear();

  file_of_ = deal_over_files(infos_, options_.files);
  int const files = 1 + *std::max_element(file_of_.begin(), file_of_.end());
  for (int k = 0; k < files; ++k) file_names_.push_back(fmt::format("data-{:04}.h5", k));
  file_names_.emplace_back(index_name);
}

void CheckpointSave::create(Communicator& communicator, Queue& queue) {
  phase(communicator, queue, [&] {
    if (communicator.rank() != 0) return;
    std::error_code error;
    fs::create_directories(directory_, error);
    if (!error) {
      // What cannot be removed is in the way only where it has the name of this one.
      remove_unfinished(directory_);
      check_free_space(directory_, infos_);
      if (!fs::create_directory(unfinished(), error) && !error)
        error = std::make_error_code(std::errc::file_exists);
    }
    if (error)
      throw IoError(
          fmt::format("{}: cannot be created: {}", unfinished().string(), error.message()));
    if (options_.carried) link_carried(*options_.carried, unfinished());
  });

  // Who creates a file alone knows offsets, size and hash; a sum with everybody else's zeros tells
  // them to all.
  std::size_t const data_files = file_names_.size() - 1;
  std::vector<Index> facts(infos_.size() + 3 * file_names_.size());
  phase(communicator, queue, [&] {
    for (std::size_t k = 0; k < file_names_.size(); ++k) {
      bool const is_index = k == data_files;
      if (communicator.rank() != (is_index ? 0 : creator_of(k, data_files, communicator.size())))
        continue;
      fs::path const path = unfinished() / file_names_[k];
      CreatedFile created;
      if (is_index) {
        std::vector<TensorInfo> infos = infos_;
        std::vector<int> file_of = file_of_;
        std::vector<std::string> names = file_names_;
        if (options_.carried) {
          for (StoredTensor const& tensor : options_.carried->tensors) {
            infos.push_back(tensor.info);
            file_of.push_back(static_cast<int>(names.size()));
          }
          names.emplace_back(carried_name);
        }
        created = create_index_file(path, infos, file_of, names);
      } else {
        std::vector<TensorInfo const*> tensors;
        std::vector<std::size_t> ids;
        for (std::size_t i = 0; i < infos_.size(); ++i)
          if (file_of_[i] == static_cast<int>(k)) {
            tensors.push_back(&infos_[i]);
            ids.push_back(i);
          }
        created = create_data_file(path, tensors);
        for (std::size_t i = 0; i < ids.size(); ++i)
          facts[ids[i]] = static_cast<Index>(created.offsets[i]);
      }
      Index* const file_facts = facts.data() + infos_.size() + 3 * k;
      file_facts[0] = static_cast<Index>(created.bytes);
      file_facts[1] = std::bit_cast<Index>(created.outside.high);
      file_facts[2] = std::bit_cast<Index>(created.outside.low);
    }
  });
  communicator.all_reduce(
      queue, {facts.data(), DType::int64, Shape{static_cast<Index>(facts.size())}}, Reduce::sum);
  queue.wait();

  for (std::size_t i = 0; i < infos_.size(); ++i)
    placements_.push_back({file_of_[i], static_cast<std::uint64_t>(facts[i])});
  for (std::size_t k = 0; k < file_names_.size(); ++k) {
    Index const* const file_facts = facts.data() + infos_.size() + 3 * k;
    files_.push_back(
        {file_names_[k],
         static_cast<std::uint64_t>(file_facts[0]),
         {std::bit_cast<std::uint64_t>(file_facts[1]), std::bit_cast<std::uint64_t>(file_facts[2])},
         {}});
  }
  runs_ = runs_of(infos_, placements_, pieces_, options_.run_bytes);
}

template <class BytesOf>
void CheckpointSave::write_runs(BytesOf&& bytes_of) noexcept {
  try {
    std::optional<File> file;
    int open = -1;
    std::vector<std::byte> buffer;
    hashes_.reserve(runs_.size());
    for (FileRun const& run : runs_) {
      if (run.file != open) {
        if (file) file->sync();
        file = File::open_write(unfinished() / file_names_[static_cast<std::size_t>(run.file)]);
        open = run.file;
      }
      std::span<std::byte const> const bytes = bytes_of(run, buffer);
      require_finite(run, bytes);
      hashes_.push_back(hash128(bytes));
      file->write_at(run.offset, bytes);
    }
    if (file) file->sync();
  } catch (...) {
    write_failure_ = std::current_exception();
  }
}

void CheckpointSave::require_finite(FileRun const& run, std::span<std::byte const> bytes) const {
  for (Fragment const& fragment : run.fragments) {
    ConstPiece const& piece = pieces_[static_cast<std::size_t>(fragment.piece)];
    TensorInfo const& info = infos_[static_cast<std::size_t>(piece.tensor)];
    std::optional<Index> const at =
        first_not_finite(info.dtype, bytes.subspan(fragment.offset - run.offset, fragment.bytes));
    if (at)
      throw DataError(fmt::format(
          "{}: element {} is not a finite number; such a checkpoint is of no use and is not saved",
          info.path(),
          piece.begin + static_cast<Index>(fragment.piece_offset / size_of(info.dtype)) + *at));
  }
}

/// From the disk, where the system can be asked for that.
void CheckpointSave::read_back() const {
  std::optional<File> file;
  int open = -1;
  std::vector<std::byte> buffer;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    FileRun const& run = runs_[i];
    if (run.file != open) {
      file = File::open_read(unfinished() / file_names_[static_cast<std::size_t>(run.file)]);
      file->forget_cached();
      open = run.file;
    }
    read_run(*file, {run.offset, run.bytes, hashes_[i]}, buffer);
  }
}

void CheckpointSave::write() noexcept {
  auto const memory_of = [&](Fragment const& fragment) {
    return std::span(
        static_cast<std::byte const*>(pieces_[static_cast<std::size_t>(fragment.piece)].data) +
            fragment.piece_offset,
        fragment.bytes);
  };
  write_runs([&](FileRun const& run, std::vector<std::byte>& buffer) {
    if (run.fragments.size() == 1) return memory_of(run.fragments[0]);
    buffer.resize(run.bytes);
    for (Fragment const& fragment : run.fragments)
      std::memcpy(buffer.data() + (fragment.offset - run.offset), memory_of(fragment).data(),
                  fragment.bytes);
    return std::span<std::byte const>(buffer);
  });
}

void CheckpointSave::write(TensorValues const& values) noexcept {
  write_runs([&](FileRun const& run, std::vector<std::byte>& buffer) {
    buffer.resize(run.bytes);
    for (Fragment const& fragment : run.fragments) {
      ConstPiece const& piece = pieces_[static_cast<std::size_t>(fragment.piece)];
      auto const tensor = static_cast<std::size_t>(piece.tensor);
      values(
          tensor,
          piece.begin + static_cast<Index>(fragment.piece_offset / size_of(infos_[tensor].dtype)),
          std::span(buffer).subspan(fragment.offset - run.offset, fragment.bytes));
    }
    return std::span<std::byte const>(buffer);
  });
}

Manifest CheckpointSave::manifest(std::vector<std::vector<Index>> const& hashes) const {
  Manifest manifest{step_, documents_, {}, files_};
  for (std::size_t i = 0; i < infos_.size(); ++i)
    manifest.tensors.push_back({infos_[i], placements_[i].file, placements_[i].offset});
  for (std::size_t rank = 0; rank < all_pieces_.size(); ++rank) {
    std::vector<FileRun> const runs =
        runs_of(infos_, placements_, all_pieces_[rank], options_.run_bytes);
    ACCORD_CHECK(hashes[rank].size() == 2 * runs.size(),
                 "checkpoint: rank {} hashed {} runs, its layout has {}", rank,
                 hashes[rank].size() / 2, runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i)
      manifest.files[static_cast<std::size_t>(runs[i].file)].runs.push_back(
          {runs[i].offset,
           runs[i].bytes,
           {std::bit_cast<std::uint64_t>(hashes[rank][2 * i]),
            std::bit_cast<std::uint64_t>(hashes[rank][2 * i + 1])}});
  }
  if (options_.carried) {
    for (StoredTensor const& tensor : options_.carried->tensors)
      manifest.tensors.push_back(
          {tensor.info, static_cast<int>(manifest.files.size()), tensor.offset});
    manifest.files.push_back(options_.carried->file);
  }
  for (CheckpointFile& file : manifest.files)
    std::sort(file.runs.begin(), file.runs.end(),
              [](HashedRun const& a, HashedRun const& b) { return a.offset < b.offset; });
  return manifest;
}

fs::path CheckpointSave::commit(Communicator& communicator, Queue& queue) {
  phase(communicator, queue, [&] {
    if (write_failure_) std::rethrow_exception(write_failure_);
    read_back();
  });
  std::vector<Index> mine;
  for (Hash128 const& hash : hashes_)
    mine.insert(mine.end(), {std::bit_cast<Index>(hash.high), std::bit_cast<Index>(hash.low)});
  std::vector<std::vector<Index>> const hashes = gather_lists(queue, communicator, mine);
  phase(communicator, queue, [&] {
    if (communicator.rank() != 0) return;
    std::string const text = to_text(manifest(hashes));
    File file = File::open_write(unfinished() / manifest_name);
    file.write_at(0, std::as_bytes(std::span(text)));
    file.sync();
    sync_directory(unfinished());
    for (CheckpointFile const& written : open_checkpoint(unfinished()).manifest.files)
      check_outside(unfinished(), written);
    publish(unfinished(), directory_, step_);
  });
  fs::path folder = step_folder(directory_, step_);
  Retention newest(directory_, {.keep = options_.keep}, options_.announce);
  Retention& retention = options_.retention ? *options_.retention : newest;
  retention.is_good(folder);
  retention.apply(communicator, queue, step_);
  return folder;
}

fs::path save_checkpoint(Communicator& communicator, Queue& queue, fs::path const& directory,
                         Index step, std::vector<TensorInfo> infos, std::vector<ConstPiece> pieces,
                         Documents documents, SaveOptions options) {
  CheckpointSave save(communicator, queue, directory, step, std::move(infos), std::move(pieces),
                      std::move(documents), std::move(options));
  save.write();
  return save.commit(communicator, queue);
}

}  // namespace accord::io
