#pragma once
// The commands below `accord checkpoint` that make files, and what they share.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "app/cli/command.hpp"
#include "app/cli/progress.hpp"
#include "app/cli/text.hpp"
#include "app/config/config.hpp"
#include "core/tensor/parameter_store.hpp"
#include "io/checkpoint/content.hpp"
#include "io/checkpoint/directory.hpp"
#include "io/file/tensor_values.hpp"

namespace accord::app {

void add_checkpoint_import(CLI::App& group, Run& run);
void add_checkpoint_export(CLI::App& group, Run& run);
void add_checkpoint_merge(CLI::App& group, Run& run);

/// Shows megabytes on standard error while `work(show)` runs; show(done) is told bytes.
template <class Work>
auto with_byte_progress(std::uint64_t total, Work&& work) {
  Progress bar(std::cerr, Progress::style_of_stderr(), "megabyte", whole_megabytes(total));
  std::int64_t shown = -1;
  return work([&](std::uint64_t done) {
    if (std::int64_t const now = whole_megabytes(done); now != shown) bar.show(shown = now);
  });
}

/// The parameters as a checkpoint lists them, each in `dtype`.
std::vector<io::TensorInfo> weight_infos(std::vector<ParameterSpec> const& parameters, DType dtype);

/// The first part of the model's decoder that none of the checkpoints holds, empty if they hold all
/// of it. A modality that a run carried, and never denoised, has no part there.
std::string missing_of_decoder(Config const& config,
                               std::vector<io::OpenCheckpoint const*> const& checkpoints);

/// Writes the checkpoint `directory`/step-N of these weights, without state of an optimizer; values
/// are asked for one run at a time. Returns its folder. \throws UsageError if the step is there
/// already
std::filesystem::path write_weights(std::filesystem::path const& directory, Index step,
                                    std::vector<io::TensorInfo> infos, io::Documents documents,
                                    io::TensorValues const& values);

/// "2 tensors, 123 parameters"
std::string weights_text(std::vector<io::TensorInfo> const& infos);

}  // namespace accord::app
