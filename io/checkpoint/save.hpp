#pragma once
// Saves a checkpoint: either it becomes complete and durable under its name, or nothing of it can
// be seen.

#include <exception>
#include <filesystem>
#include <vector>

#include "core/comm/communicator.hpp"
#include "io/checkpoint/carried.hpp"
#include "io/checkpoint/directory.hpp"
#include "io/checkpoint/file_layout.hpp"
#include "io/checkpoint/retention.hpp"
#include "io/file/tensor_values.hpp"

namespace accord::io {

struct SaveOptions {
  int files = 1;                            ///< data files; tensors are dealt over them by size
  Index keep = 2;                           ///< good checkpoints that stay, this one included
  Retention* retention = nullptr;           ///< says instead which stay; outlives the save
  std::uint64_t run_bytes = max_run_bytes;  ///< at most so much is written and hashed at a time
  CarriedTensors const* carried = nullptr;  ///< rank 0's counts; outlives the save
  Announce announce;
};

/// One save, in phases, so that the one that takes the time can run beside training:
///   constructor  collective: lays the files out and creates them (the only use of HDF5)
///   write()      local: writes and hashes this rank's runs; any thread; neither MPI nor HDF5
///   commit()     collective: gathers the hashes, writes the manifest, gives the checkpoint its
///   name
/// After each phase the ranks look at each other: what fails anywhere throws the same Error on all,
/// and nothing that was valid before is touched. The pieces' memory must stay as it is until
/// write() is done. One save at a time per folder.
class CheckpointSave {
 public:
  /// \param infos the same list on all ranks   \param pieces what this rank holds   \param
  /// documents rank 0's count \throws Error if the pieces of all ranks do not cover each tensor
  /// once; IoError
  CheckpointSave(Communicator& communicator, Queue& queue, std::filesystem::path directory,
                 Index step, std::vector<TensorInfo> infos, std::vector<ConstPiece> pieces,
                 Documents documents, SaveOptions options);

  /// A failure is kept for commit() to report.
  void write() noexcept;
  /// The same for pieces whose values are not in memory (data = nullptr): `values` is asked for
  /// each run just before it is written.
  void write(TensorValues const& values) noexcept;

  /// Reads back what was written, whole; returns when the checkpoint is durable under its name, and
  /// older ones are removed. Returns its folder. \throws DataError where a value is not finite
  std::filesystem::path commit(Communicator& communicator, Queue& queue);

 private:
  template <class Phase>
  void phase(Communicator& communicator, Queue& queue, Phase&& phase);
  void lay_out(Communicator& communicator, Queue& queue);
  void create(Communicator& communicator, Queue& queue);
  /// `bytes_of(run, buffer)` are the bytes of a run, in `buffer` or where they lie already.
  template <class BytesOf>
  void write_runs(BytesOf&& bytes_of) noexcept;
  void require_finite(FileRun const& run, std::span<std::byte const> bytes) const;
  void read_back() const;
  std::filesystem::path unfinished() const;
  Manifest manifest(std::vector<std::vector<Index>> const& hashes) const;

  std::filesystem::path directory_;
  Index step_;
  std::vector<TensorInfo> infos_;
  std::vector<ConstPiece> pieces_;
  Documents documents_;
  SaveOptions options_;

  std::vector<int> file_of_;
  std::vector<std::string> file_names_;              ///< data files, then the index
  std::vector<CheckpointFile> files_;                ///< without their runs
  std::vector<Placement> placements_;                ///< by tensor
  std::vector<std::vector<ConstPiece>> all_pieces_;  ///< by rank; rank 0 alone keeps them
  std::vector<FileRun> runs_;                        ///< this rank's
  std::vector<Hash128> hashes_;                      ///< of runs_
  std::exception_ptr write_failure_;
};

/// All phases, one after another.
std::filesystem::path save_checkpoint(Communicator& communicator, Queue& queue,
                                      std::filesystem::path const& directory, Index step,
                                      std::vector<TensorInfo> infos, std::vector<ConstPiece> pieces,
                                      Documents documents, SaveOptions options);

}  // namespace accord::io
