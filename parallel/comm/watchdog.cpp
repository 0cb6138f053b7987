#include "parallel/comm/watchdog.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/whereabouts.hpp"
#include "core/comm/gather_lists.hpp"

namespace accord::parallel {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::duration;

constexpr duration<double> looks_every{0.1};
/// What ranks that notice later, or write slowly, get before the first of them leaves.
constexpr duration<double> others_get{2};
/// Whatever happens meanwhile: files are written, and their system may be what hangs.
constexpr duration<double> at_most{4};
/// After a death: its own error, or the launcher's word, comes first.
constexpr duration<double> launcher_gets{0.3};
constexpr double patience_factor = 10;

/// The stack of the watched thread, which writes it down itself, in a signal's handler.
struct Stack {
  std::array<void*, 64> frames;
  int depth = 0;
  std::atomic<bool> taken = false;
};
Stack stack;

int stack_signal() { return SIGRTMIN + 3; }

extern "C" void take_stack(int) {
  int const error = errno;
  stack.depth = backtrace(stack.frames.data(), static_cast<int>(stack.frames.size()));
  stack.taken = true;
  errno = error;
}

std::string function_at(void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0) return fmt::format("{}", address);
  std::string const file = info.dli_fname ? fs::path(info.dli_fname).filename().string() : "?";
  if (!info.dli_sname)
    return fmt::format("{}+{:#x}", file,
                       static_cast<char*>(address) - static_cast<char*>(info.dli_fbase));
  int status = 0;
  char* const name = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  std::string const text = status == 0 ? name : info.dli_sname;
  std::free(name);
  return fmt::format("{} ({})", text, file);
}

std::string stack_of(pid_t thread) {
  stack.taken = false;
  if (syscall(SYS_tgkill, getpid(), thread, stack_signal()) != 0) return "  not to be had\n";
  for (int i = 0; i < 50 && !stack.taken; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (!stack.taken) return "  not to be had: the thread is in the kernel, or stopped\n";
  std::string text;
  for (int i = 2; i < stack.depth; ++i)  // without the handler and what called it
    text += fmt::format("  {}\n", function_at(stack.frames[static_cast<std::size_t>(i)]));
  return text;
}

/// Where process numbers mean the same: a host's name, and the name space of its processes.
std::string place_of_processes() {
  std::array<char, 256> host{}, space{};
  gethostname(host.data(), host.size() - 1);
  if (readlink("/proc/self/ns/pid", space.data(), space.size() - 1) < 0) space[0] = 0;
  return fmt::format("{} {}", host.data(), space.data());
}

bool lives(pid_t process) { return kill(process, 0) == 0 || errno != ESRCH; }

std::string file_of(int rank) { return fmt::format("rank-{:04}.txt", rank); }

}  // namespace

class Watchdog::Watch {
 public:
  Watch(Queue& queue, Communicator& world, WatchdogOptions options)
      : options_(std::move(options)), rank_(world.rank()), ranks_(world.size()) {
    std::string const place = place_of_processes();
    node_ = place.substr(0, place.find(' '));
    std::vector<std::string> const all =
        gather_lists(queue, world, fmt::format("{} {}", getpid(), place));
    for (int rank = 0; rank < ranks_; ++rank) {
      std::string const& text = all[static_cast<std::size_t>(rank)];
      auto const process = static_cast<pid_t>(std::atol(text.c_str()));
      if (rank != rank_ && text.substr(text.find(' ') + 1) == place && lives(process))
        neighbours_.push_back({rank, process});
    }
    if (rank_ == 0 && !options_.reports.empty()) {
      std::error_code nothing_there;
      fs::remove_all(options_.reports, nothing_there);  // what an earlier run has said
    }
    void* first;
    backtrace(&first, 1);  // loads what a handler must not
    struct sigaction action = {};
    action.sa_handler = take_stack;
    action.sa_flags = SA_RESTART;
    sigaction(stack_signal(), &action, nullptr);
    thread_ = std::jthread([this](std::stop_token const& token) { run(token); });
  }

  Whereabouts& whereabouts() { return whereabouts_; }
  void at_step(std::int64_t step) {
    step_ = step;
    whereabouts_.beat();
  }
  void be_patient(int more) {
    patience_ += more;
    whereabouts_.beat();
  }

 private:
  struct Neighbour {
    int rank;
    pid_t process;
  };

  void run(std::stop_token const& token) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    std::uint64_t seen = whereabouts_.changes();
    duration<double> idle{0};
    Clock::time_point looked = Clock::now();
    while (!stopped.wait_for(lock, token, looks_every, [&] { return token.stop_requested(); })) {
      if (token.stop_requested()) return;
      for (Neighbour const& neighbour : neighbours_)
        if (!lives(neighbour.process)) leave_the_dead(neighbour, token);
      // Time in which this thread did not run either does not count: a job may be suspended.
      Clock::time_point const now = Clock::now();
      idle += std::min<duration<double>>(now - std::exchange(looked, now), 10 * looks_every);
      if (std::uint64_t const changes = whereabouts_.changes(); changes != seen) {
        seen = changes;
        idle = duration<double>{0};
      } else if (options_.seconds > 0 && idle > limit()) {
        leave_the_hung(idle, token);
      }
    }
  }

  duration<double> limit() const {
    return duration<double>(options_.seconds * (patience_ > 0 ? patience_factor : 1));
  }

  /// False once the watched thread has taken the watchdog away: the job ends by itself.
  static bool wait(duration<double> time, std::stop_token const& token) {
    for (Clock::time_point const end =
             Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
         Clock::now() < end; std::this_thread::sleep_for(std::chrono::milliseconds(20)))
      if (token.stop_requested()) return false;
    return !token.stop_requested();
  }

  void leave_the_dead(Neighbour const& dead, std::stop_token const& token) {
    if (!wait(launcher_gets, token)) return;
    int first = rank_;  // of those that are left here: one speaks for all
    for (Neighbour const& other : neighbours_)
      if (lives(other.process)) first = std::min(first, other.rank);
    if (first == rank_)
      say(
          fmt::format("rank {} (process {} on {}) is gone; ending the job, which goes on from its "
                      "last checkpoint when it is run again",
                      dead.rank, dead.process, node_));
    std::_Exit(static_cast<int>(ExitCode::internal));
  }

  void leave_the_hung(duration<double> time, std::stop_token const& token) {
    std::thread([] {
      std::this_thread::sleep_for(at_most);
      std::_Exit(static_cast<int>(ExitCode::internal));
    }).detach();
    Whereabouts::Span const span = whereabouts_.innermost();
    std::string text = fmt::format("no progress for {:.1f} s: in {}", time.count(),
                                   span.name ? span.name : "no operation that is counted");
    if (span.bytes > 0) text += fmt::format(" of {} bytes", span.bytes);
    if (step_ >= 0) text += fmt::format(", step {}", step_.load());
    say(text);
    write_report(fmt::format("rank {} (process {} on {})\n{}\n{}", rank_, getpid(), node_, text,
                             stack_of(watched_)));
    if (!wait(others_get, token)) return;
    if (std::string const silent = silent_ranks(); !silent.empty()) say(silent);
    std::_Exit(static_cast<int>(ExitCode::internal));
  }

  void say(std::string const& text) const {
    std::string const line = fmt::format("[rank {} on {}] watchdog: {}\n", rank_, node_, text);
    // One call, past every buffer and lock that the hung thread may hold.
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
  }

  void write_report(std::string const& text) const {
    if (options_.reports.empty()) return;
    std::error_code error;
    fs::create_directories(options_.reports, error);
    std::ofstream(options_.reports / file_of(rank_)) << text;
  }

  /// For the first of those that were heard of; nothing from the others, or where all were.
  std::string silent_ranks() const {
    if (options_.reports.empty()) return "";
    std::string silent;
    bool first = true;
    for (int rank = 0; rank < ranks_; ++rank) {
      std::error_code error;
      bool const heard = fs::exists(options_.reports / file_of(rank), error);
      if (heard && rank < rank_) first = false;
      if (!heard) silent += fmt::format("{}{}", silent.empty() ? "" : ", ", rank);
    }
    if (!first) return "";
    return silent.empty()
               ? fmt::format("every rank waits; what each was about is in {}; ending the job",
                             options_.reports.string())
               : fmt::format(
                     "no word from rank {}: stopped, or its node is gone or slow; what the "
                     "others were about is in {}; ending the job",
                     silent, options_.reports.string());
  }

  WatchdogOptions options_;
  int rank_, ranks_;
  std::string node_;
  std::vector<Neighbour> neighbours_;
  pid_t watched_ = static_cast<pid_t>(syscall(SYS_gettid));
  Whereabouts whereabouts_;
  std::atomic<std::int64_t> step_ = -1;
  std::atomic<int> patience_ = 0;
  std::jthread thread_;
};

Watchdog::Watchdog(Queue& queue, Communicator& world, WatchdogOptions options)
    : queue_(queue), watch_(std::make_unique<Watch>(queue, world, std::move(options))) {
  queue_.record_whereabouts(&watch_->whereabouts());
}

Watchdog::~Watchdog() { queue_.record_whereabouts(nullptr); }

void Watchdog::at_step(std::int64_t step) { watch_->at_step(step); }

Watchdog::Patience::Patience(Watchdog& watchdog) : watchdog_(watchdog) {
  watchdog_.watch_->be_patient(1);
}
Watchdog::Patience::~Patience() { watchdog_.watch_->be_patient(-1); }

}  // namespace accord::parallel
