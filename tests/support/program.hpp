#pragma once
// Runs the built program as a user would: whole commands, under mpirun, with their exit codes.

#include <fmt/format.h>
#include <gmock/gmock.h>  // its names are ::testing's: before a test compiled with this one opens ours
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
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
  /// Of a program that runs no more; 128: it was killed.
  int exit_code() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128; }
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

/// The process that is rank `rank` of the run whose arguments name `folder`; 0: there is none.
inline pid_t process_of(int rank, std::filesystem::path const& folder) {
  std::string const variable = fmt::format("OMPI_COMM_WORLD_RANK={}", rank);
  for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
    std::string const number = entry.path().filename();
    if (number.find_first_not_of("0123456789") == std::string::npos &&
        text_of(entry.path() / "cmdline").find(folder.string()) != std::string::npos &&
        text_of(entry.path() / "environ").find(variable) != std::string::npos)
      return std::stoi(number);
  }
  return 0;
}

/// Returns when the condition no longer holds, or the time is over.
template <class Condition>
void wait_while(Condition const& condition, std::chrono::seconds at_most) {
  auto const begin = std::chrono::steady_clock::now();
  while (condition() && std::chrono::steady_clock::now() - begin < at_most)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
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
