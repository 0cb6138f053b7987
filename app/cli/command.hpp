#pragma once
// The subcommands of `accord`. One file per command: it declares its options on the parser and
// leaves behind what to run.

#include <functional>

namespace CLI {
class App;
}

namespace accord::app {

/// What the chosen command does once the command line is parsed; returns the exit code (errors are
/// thrown).
using Run = std::function<int()>;

}  // namespace accord::app
