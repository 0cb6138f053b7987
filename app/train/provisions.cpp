#include "app/train/provisions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/base/error.hpp"
#include "core/model/model.hpp"
#include "core/nn/parameter_scope.hpp"
#include "io/checkpoint/directory.hpp"
#include "io/file/output.hpp"

namespace accord::app {
namespace {

/// Weights, and two moments of what trains.
std::uint64_t checkpoint_bytes(Config const& config) {
  std::uint64_t const element = config.train.dtype == DType::float64 ? 8 : 4;
  std::uint64_t bytes = 1 << 16;
  for (ParameterSpec const& parameter : Model::describe(config.model)) {
    bool const frozen = std::ranges::any_of(config.model.frozen, [&](std::string const& prefix) {
      return begins_with(parameter.name, prefix);
    });
    bytes += static_cast<std::uint64_t>(parameter.shape.size()) * element * (frozen ? 1 : 3);
  }
  return bytes;
}

/// Checkpoints that will lie there at once beside those that are there now.
Index more_checkpoints(CheckpointConfig const& checkpoint, Index steps) {
  Index const saves = checkpoint.every_minutes > 0 ? steps
                      : checkpoint.every_steps > 0 ? steps / checkpoint.every_steps + 1
                                                   : 1;
  Index const there = static_cast<Index>(io::list_checkpoints(checkpoint.directory).size());
  // All are kept: how many the user takes away in time is not known here.
  if (checkpoint.keep == 0) return std::min<Index>(saves, 2);
  return std::min(saves, std::max<Index>(checkpoint.keep + 1 - there, 1));
}

}  // namespace

void require_outputs(Config const& config) {
  io::require_writable_folder(config.log.directory, "log.directory");
  io::require_writable_folder(config.checkpoint.directory, "checkpoint.directory");
  if (config.data.tokenizer.empty())
    throw UsageError("data.tokenizer is empty; give \"bytes\", or a folder with vocabulary files");
}

void require_room(Config const& resolved, Index steps) {
  if (steps <= 0) return;
  CheckpointConfig const& checkpoint = resolved.checkpoint;
  Index const count = more_checkpoints(checkpoint, steps);
  io::require_space(checkpoint.directory,
                    static_cast<std::uint64_t>(count) * checkpoint_bytes(resolved),
                    fmt::format("{} checkpoint{} in checkpoint.directory (checkpoint.keep = {}, "
                                "and the next)",
                                count, count == 1 ? "" : "s", checkpoint.keep));
  io::require_space(resolved.log.directory, 1 << 14, "the files of log.directory");
}

}  // namespace accord::app
