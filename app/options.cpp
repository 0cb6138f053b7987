#include "app/options.hpp"

#include <CLI/CLI.hpp>

#include "core/base/build.hpp"
#include "core/base/error.hpp"

namespace accord::app {
namespace {

std::string requested_device = "auto";  // one command runs per process

}  // namespace

void add_override_option(CLI::App& command, std::vector<std::string>& overrides) {
  command
      .add_option("--set", overrides,
                  "Override a key, as in --set train.steps=1000; the last one wins")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_device_option(CLI::App& command) {
  auto const below = command.get_subcommands([](CLI::App*) { return true; });
  for (CLI::App* inner : below) add_device_option(*inner);
  if (below.empty())
    command.add_option("--device", requested_device, "Where to compute: auto, cpu or cuda")
        ->type_name("NAME")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
        ->capture_default_str();
}

Backend selected_backend() {
  if (requested_device == "cuda" && !build::has_cuda)
    throw UsageError(
        "--device cuda: this program was built without CUDA; build with -DACCORD_CUDA=ON, or use "
        "--device cpu");
  return Backend::cpu;
}

}  // namespace accord::app
