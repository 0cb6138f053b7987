#include "io/file/lease.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <sstream>
#include <thread>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"

namespace accord::io {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t max_bytes = 1 << 16;

std::string first_word_of(fs::path const& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

/// What tells this machine, as far as process numbers mean anything, from any other: a boot of a
/// kernel and a name space of processes in it.
std::string machine() {
  std::error_code ignored;
  return first_word_of("/proc/sys/kernel/random/boot_id") + ' ' +
         fs::read_symlink("/proc/self/ns/pid", ignored).string();
}

/// When a process began, in ticks since boot: its number alone may have been given to another.
/// Empty if there is no such process, or only its remains.
std::string start_of(std::int64_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string const text(std::istreambuf_iterator<char>(file), {});
  std::size_t const name_end = text.rfind(')');  // the name itself may hold anything
  if (name_end == std::string::npos) return "";
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22 && fields >> field; ++number)
    if (number == 3 && (field == "Z" || field == "X")) return "";
  return field;
}

/// Of a process that runs: whether it is being killed, or what launched it has gone. It will not be
/// there for long, and is waited for; a job that is started again at once meets it.
bool is_ending(std::int64_t process, std::int64_t parent) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string line; std::getline(status, line);) {
    std::string const value = line.substr(std::min(line.find(':') + 1, line.size()));
    if (line.starts_with("PPid:") && parent > 0 && std::atoll(value.c_str()) != parent) return true;
    if ((line.starts_with("SigPnd:") || line.starts_with("ShdPnd:")) &&
        (std::strtoull(value.c_str(), nullptr, 16) >> (SIGKILL - 1) & 1) != 0)
      return true;
  }
  return false;
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The same parent each time: that of the process when it took the lease.
std::string lease_text(std::string const& purpose, std::string const& token, pid_t parent) {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  char const* const job = std::getenv("SLURM_JOB_ID");
  nlohmann::ordered_json const json = {{"purpose", purpose},
                                       {"host", host},
                                       {"pid", ::getpid()},
                                       {"parent", parent},
                                       {"job", job == nullptr ? "" : job},
                                       {"renewed", unix_seconds()},
                                       {"machine", machine()},
                                       {"start", start_of(::getpid())},
                                       {"token", token}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

/// A lease as it lies in the folder.
struct Found {
  LeaseHolder holder;
  std::int64_t parent = 0;
  std::string machine, start, token;
  std::string content;  ///< what a renewal changes
  bool readable = false;
};

Found parsed(std::string content) {
  Found found;
  found.content = std::move(content);
  auto const json = try_parse_json(found.content);
  if (!json.is_object()) return found;
  auto const text = [&](char const* key) {
    auto const at = json.find(key);
    return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  auto const number = [&](char const* key) {
    auto const at = json.find(key);
    return at != json.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
  };
  found.holder = {text("purpose"), text("host"), number("pid"), text("job"), number("renewed")};
  found.parent = number("parent");
  found.machine = text("machine");
  found.start = text("start");
  found.token = text("token");
  found.readable = true;
  return found;
}

/// nullopt if there is none. Opened anew each time, which is what makes NFS look again.
std::optional<Found> find(fs::path const& path) {
  try {
    return parsed(read_file(path, max_bytes));
  } catch (DataError const&) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) return std::nullopt;
    throw IoError(fmt::format("{}: not a lease; remove it", path.string()));
  }
}

bool dead(Found const& found) {
  return found.readable && found.machine == machine() &&
         (found.start.empty() || start_of(found.holder.process) != found.start);
}

void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// Waits until the holder is known to be dead. False: the lease is gone or another's.
bool is_stale(fs::path const& path, Found const& found, LeaseTimes const& times) {
  using Clock = std::chrono::steady_clock;
  auto const begin = Clock::now();
  while (!dead(found)) {
    bool const here = found.readable && found.machine == machine();
    auto const waited = Clock::now() - begin;
    if (here &&
        !(is_ending(found.holder.process, found.parent) && waited < std::chrono::seconds(10)))
      throw UsageError(fmt::format("{}: in use by {}; wait for its end, or give another folder",
                                   path.parent_path().string(), to_text(found.holder)));
    if (!here && waited > std::chrono::duration<double>(times.stale)) return true;
    pause(std::min(here ? 0.05 : 0.5, times.renewal / 4));
    std::optional<Found> const now = find(path);
    if (!now || now->token != found.token) return false;
    if (!here && now->content != found.content)
      throw UsageError(fmt::format("{}: in use by {}; wait for its end, or give another folder",
                                   path.parent_path().string(), to_text(now->holder)));
  }
  return true;
}

/// Puts `temporary` in the place of a lease that is stale, unless another taker was faster.
bool take_over(fs::path const& path, fs::path const& temporary, Found const& stale,
               LeaseTimes const& times) {
  // Takers of one machine stand in a line here. Where the file system has no such locks, or keeps
  // them to a node, the last one to rename wins, and all look after they had time to.
  int const folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool const locked = folder >= 0 && ::flock(folder, LOCK_EX) == 0;
  std::optional<Found> const now = find(path);
  bool const same = now && now->token == stale.token && now->content == stale.content;
  if (same) rename_durably(temporary, path);
  if (folder >= 0) ::close(folder);
  if (same && !(locked && dead(stale))) pause(times.settle);
  return same;
}

/// Makes `path` a second name of `temporary` unless it exists already.
bool place(fs::path const& temporary, fs::path const& path) {
  if (::link(temporary.c_str(), path.c_str()) == 0) return true;
  if (errno == EEXIST) return false;
  // A file system without hard links. Then whoever makes the file has it, and fills it at once.
  int const descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0 && errno == EEXIST) return false;
  if (descriptor < 0)
    throw IoError(fmt::format("{}: cannot be made: {}", path.string(), std::strerror(errno)));
  ::close(descriptor);
  rename_durably(temporary, path);
  return true;
}

}  // namespace

std::string to_text(LeaseHolder const& holder) {
  return fmt::format("{} on {} (process {}{})",
                     holder.purpose.empty() ? "a program" : holder.purpose,
                     holder.host.empty() ? "an unknown host" : holder.host, holder.process,
                     holder.job.empty() ? "" : ", job " + holder.job);
}

/// Renews the file through its descriptor: what another one put in its place is never touched.
class Lease::Renewal {
 public:
  Renewal(fs::path path, std::string purpose, std::string token, double period)
      : path_(std::move(path)),
        purpose_(std::move(purpose)),
        token_(std::move(token)),
        period_(period),
        file_(File::open_write(path_)) {
    sigset_t all, before;
    sigfillset(&all);  // signals are for the thread that computes
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~Renewal() {
    {
      std::lock_guard const guard(mutex_);
      ended_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  /// Whether the file is still ours; nothing is known of one that cannot be read.
  bool ours() const {
    try {
      std::optional<Found> const found = find(path_);
      return found && found->token == token_;
    } catch (Error const&) {
      return true;
    }
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    auto const period = std::chrono::duration<double>(period_);
    while (!wake_.wait_for(lock, period, [this] { return ended_; })) {
      try {
        // The same length each time: only the seconds differ.
        std::string const text = lease_text(purpose_, token_, parent_);
        file_.write_at(0, std::as_bytes(std::span(text)));
        file_.sync();
      } catch (Error const&) {
        // The next one may succeed; else confirm() finds out whether it mattered.
      }
    }
  }

  fs::path path_;
  std::string purpose_, token_;
  double period_;
  pid_t parent_ = ::getppid();
  File file_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
  std::thread thread_;
};

Lease::Lease(fs::path const& folder, std::string const& purpose, LeaseTimes times)
    : path_((folder.empty() ? fs::path(".") : folder) / "lease.json") {
  std::random_device random;
  std::string const token = fmt::format("{:08x}{:08x}", random(), random());
  fs::path const temporary = path_.string() + '.' + token;
  struct Cleanup {
    fs::path const& path;
    ~Cleanup() { ::unlink(path.c_str()); }
  } const cleanup{temporary};
  for (;;) {
    std::string const text = lease_text(purpose, token, ::getppid());
    File::open_write(temporary).write_at(0, std::as_bytes(std::span(text)));
    if (place(temporary, path_)) break;
    std::optional<Found> const found = find(path_);
    if (!found || !is_stale(path_, *found, times)) continue;
    if (!take_over(path_, temporary, *found, times)) continue;
    taken_from_ = found->holder;
    break;
  }
  renewal_ = std::make_unique<Renewal>(path_, purpose, token, times.renewal);
  if (!renewal_->ours()) {
    renewal_.reset();
    std::optional<Found> const winner = find(path_);
    throw UsageError(fmt::format("{}: in use by {}", path_.parent_path().string(),
                                 to_text(winner ? winner->holder : LeaseHolder{})));
  }
}

Lease::~Lease() {
  if (renewal_->ours()) ::unlink(path_.c_str());
}

void Lease::confirm() const {
  if (renewal_->ours()) return;
  throw IoError(fmt::format(
      "{}: this process did not renew its lease in time, and another one holds the folder now; "
      "nothing more is written",
      path_.parent_path().string()));
}

}  // namespace accord::io
