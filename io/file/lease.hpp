#pragma once
// One writer per folder, over processes and nodes, also where file locks are refused.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace accord::io {

/// Who holds a folder, as its lease.json says.
struct LeaseHolder {
  std::string purpose;       ///< "accord train"
  std::string host;          ///< of the machine
  std::int64_t process = 0;  ///< its number there
  std::string job;           ///< of Slurm; empty outside
  std::int64_t renewed = 0;  ///< seconds since 1970, by the holder's clock
};

/// "accord train on node7 (process 4711, job 12)"
std::string to_text(LeaseHolder const& holder);

/// How long a lease lives, in seconds.
struct LeaseTimes {
  double renewal = 5;  ///< between two renewals
  double stale = 30;   ///< without a renewal for so long the holder counts as dead
  double settle = 1;   ///< for a second taker on another node to show itself
};

/// Holds `folder`/lease.json until destroyed; a thread renews it. A holder that was killed leaves
/// its lease: one of this machine that runs no more is taken over at once, any other once it was
/// not renewed for LeaseTimes::stale seconds, for which the constructor waits. Clocks of different
/// machines are never compared. Only one process of a job takes it.
class Lease {
 public:
  /// `folder` must exist. \throws UsageError naming the holder if another one holds it, IoError if
  /// the folder cannot be written.
  Lease(std::filesystem::path const& folder, std::string const& purpose, LeaseTimes times = {});
  ~Lease();
  Lease(Lease const&) = delete;
  Lease& operator=(Lease const&) = delete;

  /// Whose lease was taken over because its holder is dead; to be told to the user.
  std::optional<LeaseHolder> const& taken_from() const { return taken_from_; }
  /// \throws IoError if another one holds the folder now, because this process slept too long. To
  /// be called before what cannot be undone.
  void confirm() const;

 private:
  class Renewal;
  std::filesystem::path path_;
  std::optional<LeaseHolder> taken_from_;
  std::unique_ptr<Renewal> renewal_;
};

}  // namespace accord::io
