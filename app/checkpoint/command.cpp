// `accord checkpoint`: what a checkpoint is, whether it is undamaged, how far it is from another.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <sstream>

#include "app/checkpoint/commands.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/text.hpp"
#include "core/base/error.hpp"
#include "io/checkpoint/verify.hpp"

namespace accord::app {
namespace {

namespace fs = std::filesystem;

void warn(std::string const& notice) { std::cerr << "warning: " << notice << std::endl; }

struct Totals {
  std::size_t tensors = 0, runs = 0;
  Index parameters = 0;
  std::uint64_t bytes = 0;
};

Totals totals_of(io::Manifest const& manifest) {
  Totals totals;
  totals.tensors = manifest.tensors.size();
  for (io::StoredTensor const& tensor : manifest.tensors)
    if (tensor.info.kind == "weight") totals.parameters += tensor.info.shape.size();
  for (io::CheckpointFile const& file : manifest.files) {
    totals.bytes += file.bytes;
    totals.runs += file.runs.size();
  }
  return totals;
}

/// One line per checkpoint of a folder, newest first.
void print_list(fs::path const& directory) {
  std::cout << fmt::format("{:>12}{:>10}{:>16}{:>12}\n", "step", "tensors", "parameters", "size");
  for (io::StepFolder const& entry : io::list_checkpoints(directory)) {
    try {
      Totals const totals = totals_of(io::open_checkpoint(entry.path).manifest);
      std::cout << fmt::format("{:>12}{:>10}{:>16}{:>12}\n", entry.step, totals.tensors,
                               totals.parameters, size_text(totals.bytes));
    } catch (Error const& error) {
      std::cout << fmt::format("{:>12}  not usable: {}\n", entry.step, error.what());
    }
  }
  std::cout << "\n";
}

/// The lines of the sections that say what was trained and how.
std::string excerpt(std::string const& configuration) {
  std::istringstream lines(configuration);
  std::string out;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[")) inside = line == "[model]" || line == "[train]";
    if (inside && !line.empty()) out += "  " + line + "\n";
  }
  return out;
}

void print_run(io::RunState const& run) {
  auto const line = [](char const* name, std::string const& value) {
    if (!value.empty()) std::cout << fmt::format("{:<12} {}\n", name, value);
  };
  io::BitConditions const& conditions = run.conditions;
  line("run", run.id);
  line("build", run.build);
  line("made", run.made_from);
  line("program", conditions.program);
  line("device", conditions.device);
  line("library", conditions.library);
  line("processor", conditions.processor);
  if (conditions.threads > 0) line("threads", std::to_string(conditions.threads));
  line("layout", to_string(conditions.layout));
  if (run.total_steps) line("total steps", std::to_string(*run.total_steps));
  if (run.skipped_samples > 0) line("skipped", fmt::format("{} samples", run.skipped_samples));
  for (io::RunChange const& change : run.history)
    line("changed", fmt::format("{} {} -> {} after step {}", change.key, change.before,
                                change.after, change.step));
  if (!run.carried_configuration.empty()) line("carries", "modalities that this run does not use");
}

void print_checkpoint(io::OpenCheckpoint const& checkpoint) {
  io::Manifest const& manifest = checkpoint.manifest;
  io::Documents const& documents = manifest.documents;
  Totals const totals = totals_of(manifest);
  std::map<std::string, int> by_kind;
  for (io::StoredTensor const& tensor : manifest.tensors)
    ++by_kind[fmt::format("{} {}", tensor.info.kind, name_of(tensor.info.dtype))];
  std::vector<std::string> kinds, tokenizer;
  for (auto const& [kind, count] : by_kind) kinds.push_back(fmt::format("{} {}", count, kind));
  for (auto const& [name, content] : documents.tokenizer)
    tokenizer.push_back(fmt::format("{} ({})", name, size_text(content.size())));
  std::cout << fmt::format(
      "checkpoint   {}\nstep         {}\ntensors      {} ({})\nparameters   {}\n"
      "size         {} in {} files, {} runs\n",
      checkpoint.folder.string(), manifest.step, totals.tensors, joined(kinds), totals.parameters,
      size_text(totals.bytes), manifest.files.size(), totals.runs);
  if (!documents.loader.empty()) std::cout << fmt::format("loader       {}\n", documents.loader);
  if (!tokenizer.empty()) std::cout << fmt::format("tokenizer    {}\n", joined(tokenizer));
  print_run(documents.run);
  if (std::string const lines = excerpt(documents.configuration); !lines.empty())
    std::cout << "configuration (--config prints all of it)\n" << lines;
}

int inspect(fs::path const& path, bool configuration, bool tensors) {
  io::OpenCheckpoint const checkpoint = io::open_or_find(path, warn);
  if (configuration) {
    std::cout << checkpoint.manifest.documents.configuration;
    return 0;
  }
  if (tensors) {
    for (io::StoredTensor const& tensor : checkpoint.manifest.tensors)
      std::cout << fmt::format("{} {} {}\n", tensor.info.path(), to_string(tensor.info.shape),
                               name_of(tensor.info.dtype));
    return 0;
  }
  if (checkpoint.folder != path) print_list(path);
  print_checkpoint(checkpoint);
  return 0;
}

/// Prints what is damaged, or that nothing is. Returns the number of damaged places.
std::size_t check_hashes(io::OpenCheckpoint const& checkpoint) {
  std::uint64_t const bytes = totals_of(checkpoint.manifest).bytes;
  auto const problems = with_byte_progress(bytes, [&](auto const& show) {
    return io::verify_checkpoint(checkpoint,
                                 [&](std::uint64_t done, std::uint64_t) { show(done); });
  });
  for (std::string const& problem : problems) std::cout << problem << "\n";
  if (problems.empty())
    std::cout << fmt::format("{}: step {}, {} in {} files, every byte as it was written\n",
                             checkpoint.folder.string(), checkpoint.manifest.step, size_text(bytes),
                             checkpoint.manifest.files.size());
  return problems.size();
}

/// One checkpoint, or all of a folder.
void check_all(fs::path const& path) {
  std::vector<io::StepFolder> found = io::list_checkpoints(path);
  if (found.empty()) found.push_back({0, path});
  std::size_t problems = 0;
  for (io::StepFolder const& entry : found) {
    try {
      problems += check_hashes(io::open_checkpoint(entry.path));
    } catch (DataError const& error) {
      std::cout << error.what() << "\n";
      ++problems;
    }
  }
  if (problems > 0)
    throw DataError(
        fmt::format("{}: {} damaged places; use another checkpoint", path.string(), problems));
}

/// True if no tensor is farther than `tolerance`, and both have the same tensors.
bool print_distance(io::OpenCheckpoint const& a, io::OpenCheckpoint const& b, double tolerance) {
  io::CheckpointDistance const found =
      with_byte_progress(totals_of(a.manifest).bytes, [&](auto const& show) {
        return io::distance(a, b, [&](std::uint64_t done, std::uint64_t) { show(done); });
      });
  std::size_t equal = 0;
  double largest = 0, relative = 0;
  bool comparable = found.differences.empty();
  std::string rows;
  for (io::TensorDistance const& tensor : found.tensors) {
    if (tensor.largest == 0) {
      ++equal;
      continue;
    }
    rows += fmt::format("{:>12.3e}{:>14.3e}  {}\n", tensor.largest, tensor.relative, tensor.tensor);
    if (std::isnan(tensor.largest)) comparable = false;
    largest = std::fmax(largest, tensor.largest);
    relative = std::fmax(relative, tensor.relative);
  }
  if (!rows.empty())
    std::cout << fmt::format("{:>12}{:>14}  tensor\n", "largest", "relative L2") << rows;
  for (std::string const& difference : found.differences) std::cout << difference << "\n";
  std::cout << fmt::format(
      "step {} against step {}: {} of {} tensors equal; largest distance {:.3e}, relative L2 at "
      "most {:.3e}\n",
      a.manifest.step, b.manifest.step, equal, found.tensors.size(), largest, relative);
  return comparable && relative <= tolerance;
}

int verify(fs::path const& path, fs::path const& other, double tolerance) {
  check_all(path);
  if (other.empty()) return 0;
  check_all(other);
  io::OpenCheckpoint const a = io::open_or_find(path, warn), b = io::open_or_find(other, warn);
  if (!print_distance(a, b, tolerance) && std::isfinite(tolerance))
    throw DataError(fmt::format("{} and {} are farther apart than {}", a.folder.string(),
                                b.folder.string(), tolerance));
  return 0;
}

void add_checkpoint_inspect(CLI::App& group, Run& run) {
  struct Options {
    fs::path path;
    bool configuration = false, tensors = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = group.add_subcommand("inspect", "Show what a checkpoint holds");
  command->add_option("checkpoint", options->path, "A checkpoint, or a folder of them (the newest)")
      ->type_name("DIR")
      ->required();
  CLI::Option* configuration = command->add_flag(
      "--config", options->configuration, "Print the configuration it was saved with (TOML)");
  command->add_flag("--tensors", options->tensors, "List every tensor with its shape and type")
      ->excludes(configuration);
  command->callback([options, &run] {
    run = [options] { return inspect(options->path, options->configuration, options->tensors); };
  });
}

void add_checkpoint_verify(CLI::App& group, Run& run) {
  struct Options {
    fs::path path, against;
    double tolerance = std::numeric_limits<double>::infinity();
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      group.add_subcommand("verify", "Compare every byte of a checkpoint with its hashes");
  command->add_option("checkpoint", options->path, "A checkpoint, or a folder of them (all)")
      ->type_name("DIR")
      ->required();
  CLI::Option* against =
      command
          ->add_option("--against", options->against,
                       "Also print how far it (the newest) is from this one, tensor by tensor")
          ->type_name("DIR");
  command
      ->add_option("--tolerance", options->tolerance,
                   "With --against: fail if a relative L2 distance is larger, or tensors differ")
      ->check(CLI::NonNegativeNumber)
      ->needs(against);
  command->footer(
      "Prints one line per damaged place and exits with 65 if there is any. Distances are those "
      "of\n"
      "the first from the second: max |a - b|, and |a - b| / |b| (Euclidean).");
  command->callback([options, &run] {
    run = [options] { return verify(options->path, options->against, options->tolerance); };
  });
}

}  // namespace

void add_checkpoint(CLI::App& app, Run& run) {
  CLI::App* group = app.add_subcommand(
      "checkpoint", "Look into, check, compare, import, export and merge checkpoints");
  group->require_subcommand(1);
  add_checkpoint_inspect(*group, run);
  add_checkpoint_verify(*group, run);
  add_checkpoint_import(*group, run);
  add_checkpoint_export(*group, run);
  add_checkpoint_merge(*group, run);
}

}  // namespace accord::app
