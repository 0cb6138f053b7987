#pragma once
// Which checkpoints of a run stay.

#include <functional>
#include <limits>
#include <optional>
#include <set>

#include "core/comm/communicator.hpp"
#include "io/checkpoint/directory.hpp"

namespace accord::io {

struct RetentionRules {
  Index keep = 2;        ///< the newest good ones, the one just saved included; at least 1
  Index keep_every = 0;  ///< those of steps that are multiples of it; 0: none
  /// How good the checkpoint of a step is, where that is known; the best of those that are there
  /// stays. Called on rank 0. May be empty.
  std::function<std::optional<double>(Index step)> score = {};
};

inline constexpr Index keep_all = std::numeric_limits<Index>::max();

/// A file of this name in the folder of a checkpoint marks it: it stays.
inline constexpr char const* mark_name = "keep";

/// Removes, of the checkpoints up to the one just saved, those that no rule keeps. Only good ones
/// count: those saved or loaded by this process, which were read whole, and older ones once all
/// their bytes were compared with their hashes, which happens before something is removed because
/// of them. Later steps stay: they are a future from which the run went back, and perhaps good.
class Retention {
 public:
  /// \param announce  called on rank 0
  Retention(std::filesystem::path directory, RetentionRules rules, Announce announce);

  // What is known of a checkpoint, on rank 0.
  void is_good(std::filesystem::path const& folder);
  void is_damaged(std::filesystem::path const& folder);

  /// Collective. What cannot be removed is announced, once, and stays.
  void apply(Communicator& communicator, Queue& queue, Index step);
  /// Removes what dead saves and removals left, on rank 0 alone; what cannot be removed is
  /// announced.
  void remove_leftovers();

 private:
  void remove_replaced(std::vector<StepFolder>& found);
  void remove(std::filesystem::path const& folder);
  std::size_t newest_kept(Communicator& communicator, Queue& queue,
                          std::vector<StepFolder> const& found);
  bool looks_good(Communicator& communicator, Queue& queue, std::string const& folder);
  std::set<std::filesystem::path> kept_by_rules(std::vector<StepFolder> const& found) const;
  void announce_once(std::string const& text);

  std::filesystem::path directory_;
  RetentionRules rules_;
  Announce announce_;
  std::set<std::filesystem::path> good_, damaged_;
  std::set<std::string> announced_;
};

}  // namespace accord::io
