#pragma once
// Options that commands share.

#include <string>
#include <vector>

#include "core/base/queue.hpp"

namespace CLI {
class App;
}

namespace accord::app {

/// `--set section.key=value`, any number of times, as load_config() takes them.
void add_override_option(CLI::App& command, std::vector<std::string>& overrides);

/// Adds `--device auto|cpu|cuda` to a command and the commands below it. Called by main for all of
/// them.
void add_device_option(CLI::App& command);

/// The backend that --device asks for: auto takes a CUDA device if program and machine have one,
/// else the CPU. Where it is cuda, device `local_rank` (modulo their number) becomes this
/// process's. \throws UsageError when cuda is asked for and cannot be had, saying why.
Backend selected_backend(int local_rank = 0);
/// "cuda: NVIDIA H200, 139.8 GiB", or "cpu: no CUDA driver is installed on this machine" where auto
/// found none.
std::string device_line(Backend backend);

}  // namespace accord::app
