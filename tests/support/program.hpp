#pragma once
// Runs the built program as a user would: whole commands, under mpirun, with their exit codes.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace accord::testing {

inline std::string environment(char const* name) {
  char const* const value = std::getenv(name);
  return value ? value : "";
}

/// `accord ARGUMENTS`, or under mpirun with `ranks` and further options; output goes to `log`.
/// Returns the exit code; 124 where it was killed because it took minutes: a rank that waits for
/// ever would outlive the test. All stays in the caller's process group (--foreground), so that
/// BackgroundProgram kills all of it.
inline int accord_command(std::string const& arguments, std::filesystem::path const& log,
                          int ranks = 0, std::string const& launcher_options = "") {
  std::string const launcher =
      ranks > 0
          ? fmt::format("timeout --foreground --kill-after=10 240 {} -n {} --bind-to none {} ",
                        environment("ACCORD_MPIEXEC"), ranks, launcher_options)
          : "";
  std::string const command =
      fmt::format("{}'{}' {} >'{}' 2>&1 </dev/null", launcher, environment("ACCORD_EXECUTABLE"),
                  arguments, log.string());
  int const status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// The same in the background, in a process group of its own, to be killed as one.
class BackgroundProgram {
 public:
  BackgroundProgram(std::string const& arguments, std::filesystem::path const& log, int ranks) {
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::_exit(accord_command(arguments, log, ranks));
    }
    ::setpgid(pid_, pid_);
  }
  ~BackgroundProgram() { kill_all(); }
  bool running() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
    return pid_ > 0;
  }
  /// SIGKILL to launcher and all ranks, at once.
  void kill_all() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  int status_ = 0;
};

inline std::string text_of(std::filesystem::path const& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The lines of metrics.jsonl, by step.
inline std::map<std::int64_t, nlohmann::json> metrics_of(std::filesystem::path const& file) {
  std::map<std::int64_t, nlohmann::json> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    nlohmann::json json = nlohmann::json::parse(line);
    std::int64_t const step = json.at("step");
    lines[step] = std::move(json);
  }
  return lines;
}

/// What "bitwise the same metrics" leaves out: times, rates and memory.
inline bool is_timing(std::string const& field) {
  return field.ends_with("seconds") || field.ends_with("per_second") ||
         field.ends_with("per_rank") || field.ends_with("bytes");
}

}  // namespace accord::testing
