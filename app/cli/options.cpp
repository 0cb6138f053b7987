#include "app/cli/options.hpp"

#include <CLI/CLI.hpp>

#include "core/base/build.hpp"
#include "core/base/device.hpp"
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

Backend selected_backend(int local_rank) {
  if (requested_device == "cpu") return Backend::cpu;
  DeviceProbe const& probe = probe_devices();
  if (probe.count == 0) {
    if (requested_device == "cuda")
      throw UsageError("--device cuda: " + probe.reason + "; use --device cpu");
    return Backend::cpu;
  }
  if constexpr (build::has_cuda) cuda::select_device(local_rank);
  return Backend::cuda;
}

std::string device_line(Backend backend) {
  if constexpr (build::has_cuda)
    if (backend == Backend::cuda) return "cuda: " + cuda::device_description();
  return requested_device == "cpu" ? "cpu" : "cpu: " + probe_devices().reason;
}

}  // namespace accord::app
