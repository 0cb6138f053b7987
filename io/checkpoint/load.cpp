#include "io/checkpoint/load.hpp"

#include <fmt/format.h>

#include "io/checkpoint/check.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/checkpoint/finite.hpp"
#include "io/checkpoint/read.hpp"

namespace accord::io {
namespace {

// Rank 0's checkpoint on all ranks; its manifest travels with its hash.
std::optional<OpenCheckpoint> broadcast_checkpoint(Communicator& communicator, Queue& queue,
                                                   std::optional<OpenCheckpoint> checkpoint) {
  std::string const folder =
      broadcast_text(communicator, queue, checkpoint ? checkpoint->folder.string() : "");
  if (folder.empty()) return std::nullopt;
  std::string const text =
      broadcast_text(communicator, queue, checkpoint ? to_text(checkpoint->manifest) : "");
  if (communicator.rank() != 0)
    checkpoint = OpenCheckpoint{folder, manifest_from_text(text, folder + " (as sent by rank 0)")};
  return checkpoint;
}

void announce_on_first(Communicator const& communicator, Announce const& announce,
                       std::string const& message) {
  if (communicator.rank() == 0 && announce) announce(message);
}

// What the checkpoint's tensors are for the caller's list. All ranks find the same, so a misfit
// throws on all.
struct Fit {
  std::vector<StoredTensor const*> stored;
  std::vector<DType> dtypes;
};

Fit fit(Communicator& communicator, OpenCheckpoint const& checkpoint,
        std::span<TensorInfo const> infos, LoadOptions const& options) {
  Fit fit{match_tensors(checkpoint, infos, options.unlisted == Unlisted::refuse), {}};
  std::size_t converted = 0;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    fit.dtypes.push_back(infos[i].dtype);
    if (infos[i].dtype != fit.stored[i]->info.dtype && converted++ == 0)
      announce_on_first(communicator, options.announce,
                        fmt::format("checkpoint {} holds {}, which is loaded as {} ({} and others)",
                                    checkpoint.folder.string(), name_of(fit.stored[i]->info.dtype),
                                    name_of(infos[i].dtype), infos[i].path()));
  }
  return fit;
}

// This rank's part of the reading: its pieces, and its share of what lies outside of the runs.
void read_part(Communicator& communicator, OpenCheckpoint const& checkpoint, Fit const& fit,
               std::span<TensorInfo const> infos, std::span<Piece const> pieces) {
  std::vector<CheckpointFile> const& files = checkpoint.manifest.files;
  for (std::size_t k = static_cast<std::size_t>(communicator.rank()); k < files.size();
       k += static_cast<std::size_t>(communicator.size()))
    check_outside(checkpoint.folder, files[k]);
  read_pieces(checkpoint, fit.stored, fit.dtypes, pieces);
  for (Piece const& piece : pieces) {
    auto const tensor = static_cast<std::size_t>(piece.tensor);
    std::size_t const bytes = static_cast<std::size_t>(piece.count) * size_of(fit.dtypes[tensor]);
    std::optional<Index> const at =
        first_not_finite(fit.dtypes[tensor], {static_cast<std::byte const*>(piece.data), bytes});
    if (at)
      throw DataError(fmt::format("{}: element {} of {} is not a finite number",
                                  checkpoint.folder.string(), piece.begin + *at,
                                  infos[tensor].path()));
  }
}

}  // namespace

OpenCheckpoint open_together(Communicator& communicator, Queue& queue,
                             std::filesystem::path const& path, Announce const& announce,
                             std::set<std::filesystem::path> const& except) {
  std::optional<OpenCheckpoint> checkpoint;
  together(communicator, queue, [&] {
    if (communicator.rank() == 0) checkpoint = open_or_find(path, announce, except);
  });
  return *broadcast_checkpoint(communicator, queue, std::move(checkpoint));
}

void load_tensors(Communicator& communicator, Queue& queue, OpenCheckpoint const& checkpoint,
                  std::span<TensorInfo const> infos, std::span<Piece const> pieces,
                  LoadOptions const& options) {
  Fit const fitted = fit(communicator, checkpoint, infos, options);
  together(communicator, queue,
           [&] { read_part(communicator, checkpoint, fitted, infos, pieces); });
}

std::optional<OpenCheckpoint> load_newest(Communicator& communicator, Queue& queue,
                                          std::filesystem::path const& directory,
                                          std::span<TensorInfo const> infos,
                                          std::span<Piece const> pieces,
                                          LoadOptions const& options) {
  std::vector<StepFolder> found;
  std::size_t next = 0;
  for (;;) {
    std::optional<OpenCheckpoint> candidate;
    together(communicator, queue, [&] {
      if (communicator.rank() != 0) return;
      if (next == 0) found = list_checkpoints(directory);
      candidate = open_next(found, next, options.announce, options.unusable);
      if (!candidate && !found.empty()) throw none_usable(directory);
      if (candidate && options.check) options.check(*candidate);
    });
    candidate = broadcast_checkpoint(communicator, queue, std::move(candidate));
    if (!candidate) return std::nullopt;
    Fit const fitted = fit(communicator, *candidate, infos, options);
    std::exception_ptr mine;
    try {
      read_part(communicator, *candidate, fitted, infos, pieces);
    } catch (...) {
      mine = std::current_exception();
    }
    std::optional<Error> const failure = first_failure(communicator, queue, mine);
    if (!failure) return candidate;
    // A bug or a misuse is no reason to go back to an older checkpoint.
    if (failure->exit_code() == ExitCode::internal) throw *failure;
    if (communicator.rank() == 0 && options.unusable) options.unusable(candidate->folder);
    announce_on_first(communicator, options.announce,
                      fmt::format("checkpoint {} is not usable: {}; trying the one before",
                                  candidate->folder.string(), failure->what()));
  }
}

}  // namespace accord::io
