// `accord verify`: recomputes reference files on this build.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <memory>

#include "app/cli/commands.hpp"
#include "app/cli/options.hpp"
#include "app/verify/cases.hpp"
#include "core/base/as_error.hpp"
#include "core/base/error.hpp"

namespace accord::app {
namespace {

void print(Reference const& reference, bool all) {
  for (Compared const& result : reference.results())
    if (all || !result.pass)
      std::cout << fmt::format("  {:<72} relative {:8.1e}  absolute {:8.1e}  {}\n", result.name,
                               result.relative, result.absolute, result.pass ? "ok" : "FAILED");
}

double worst(Reference const& reference) {
  double error = 0;
  for (Compared const& result : reference.results()) error = std::max(error, result.relative);
  return error;
}

/// What a file says may fit nothing: that is the file's fault, whoever finds it out.
void recompute(Case const& verify, Queue& queue, Reference& reference) {
  try {
    verify(queue, reference);
  } catch (std::exception const&) {
    Error const error = as_error(std::current_exception());
    if (error.exit_code() != ExitCode::internal) throw;
    throw DataError(fmt::format("{}: its content does not fit together: {}",
                                reference.file().path().string(), error.what()));
  }
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  struct Options {
    std::vector<std::string> files;
    std::string dtype = "float64", tokenizer;
    bool each = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "verify", "Recompute reference files on this build and compare, tensor by tensor");
  command->add_option("files", options->files, "Reference files (HDF5)")->required();
  command->add_option("--dtype", options->dtype, "Type to compute in")
      ->check(CLI::IsMember({"float64", "float32"}))
      ->capture_default_str();
  command->add_option("--tokenizer", options->tokenizer,
                      "Folder with the vocabulary of files of tokens, if they do not hold it");
  command->add_flag("--each", options->each, "Print every tensor's error, not only failures");
  command->footer(
      "Exit codes: 0 all that can be checked pass; 65 a file fails or cannot be read, or\n"
      "none was checked.");
  command->callback([options, &run] {
    run = [options] {
      DType const dtype = options->dtype == "float64" ? DType::float64 : DType::float32;
      std::size_t passed = 0, skipped = 0;
      for (std::string const& file : options->files) {
        Queue queue(selected_backend());
        Reference reference(file, dtype, options->tokenizer);
        Case const verify = find_case(reference);
        if (!verify) {
          ++skipped;
          std::cout << fmt::format("{:<34} {}  skipped: no check for this kind yet\n",
                                   reference.name(), options->dtype);
          continue;
        }
        recompute(verify, queue, reference);
        passed += reference.passed();
        std::cout << fmt::format("{:<34} {}  {:4} tensors, largest relative error {:8.1e}  {}\n",
                                 reference.name(), options->dtype, reference.results().size(),
                                 worst(reference), reference.passed() ? "ok" : "FAILED");
        print(reference, options->each);
        std::cout << std::flush;
      }
      std::size_t const failed = options->files.size() - passed - skipped;
      std::cout << fmt::format("reference files: {} verified, {} failed, {} skipped ({})\n", passed,
                               failed, skipped, options->dtype);
      return static_cast<int>(failed > 0 || passed == 0 ? ExitCode::data : ExitCode::ok);
    };
  });
}

}  // namespace accord::app
