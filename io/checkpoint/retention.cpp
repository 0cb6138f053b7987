#include "io/checkpoint/retention.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "io/checkpoint/collective.hpp"
#include "io/checkpoint/verify.hpp"

namespace accord::io {

namespace fs = std::filesystem;

Retention::Retention(fs::path directory, RetentionRules rules, Announce announce)
    : directory_(std::move(directory)), rules_(std::move(rules)), announce_(std::move(announce)) {}

void Retention::is_good(fs::path const& folder) {
  good_.insert(folder);
  damaged_.erase(folder);
}

void Retention::is_damaged(fs::path const& folder) {
  damaged_.insert(folder);
  good_.erase(folder);
}

void Retention::announce_once(std::string const& text) {
  if (announced_.insert(text).second && announce_) announce_(text);
}

void Retention::remove_leftovers() {
  for (std::string const& failure : remove_unfinished(directory_)) announce_once(failure);
}

std::set<fs::path> Retention::kept_by_rules(std::vector<StepFolder> const& found) const {
  std::set<fs::path> kept;
  std::optional<double> best;
  fs::path best_folder;
  for (StepFolder const& candidate : found) {  // newest first: of equally good ones it stays
    std::error_code error;
    if ((rules_.keep_every > 0 && candidate.step % rules_.keep_every == 0) ||
        fs::exists(candidate.path / mark_name, error))
      kept.insert(candidate.path);
    if (!rules_.score || damaged_.contains(candidate.path)) continue;
    std::optional<double> const score = rules_.score(candidate.step);
    if (score && (!best || *score > *best)) {
      best = score;
      best_folder = candidate.path;
    }
  }
  if (best) kept.insert(best_folder);
  return kept;
}

/// Collective. Each rank reads its share.
bool Retention::looks_good(Communicator& communicator, Queue& queue, std::string const& folder) {
  std::vector<std::string> problems;
  std::exception_ptr failure;
  try {
    problems =
        verify_checkpoint(open_checkpoint(folder), {}, {communicator.rank(), communicator.size()});
    if (!problems.empty()) throw DataError(problems.front());
  } catch (...) {
    failure = std::current_exception();
  }
  std::optional<Error> const error = first_failure(communicator, queue, failure);
  if (error && communicator.rank() == 0)
    announce_once(
        fmt::format("checkpoint {} is not usable, and does not count as one that is kept: "
                    "{}",
                    folder, error->what()));
  return !error;
}

/// What a save of the same step has replaced.
void Retention::remove_replaced(std::vector<StepFolder>& found) {
  for (std::size_t i = 1; i < found.size();)
    if (found[i].step == found[i - 1].step && good_.contains(found[i - 1].path)) {
      remove(found[i].path);
      found.erase(found.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
}

void Retention::remove(fs::path const& folder) {
  if (std::string const problem = remove_checkpoint(folder); !problem.empty())
    announce_once(problem);
}

/// Collective. How many of `found`, which rank 0 has, newest first, come before those that too many
/// good ones make old.
std::size_t Retention::newest_kept(Communicator& communicator, Queue& queue,
                                   std::vector<StepFolder> const& found) {
  bool const first = communicator.rank() == 0;
  auto const keep = static_cast<std::size_t>(std::max<Index>(rules_.keep, 1));
  std::size_t kept = 0, next = 0;
  for (;;) {
    // Rank 0 counts as far as it knows; where it does not, all look.
    std::string unknown;
    while (first && found.size() > keep && next < found.size() && kept < keep) {
      fs::path const& folder = found[next].path;
      if (!damaged_.contains(folder) && !good_.contains(folder)) {
        unknown = folder.string();
        break;
      }
      kept += good_.contains(folder);
      ++next;
    }
    unknown = broadcast_text(communicator, queue, std::move(unknown));
    if (unknown.empty()) return found.size() > keep ? next : found.size();
    bool const good = looks_good(communicator, queue, unknown);
    if (good)
      is_good(unknown);
    else
      is_damaged(unknown);
  }
}

void Retention::apply(Communicator& communicator, Queue& queue, Index step) {
  std::vector<StepFolder> found;
  std::exception_ptr failure;
  try {
    if (communicator.rank() == 0) found = list_checkpoints(directory_);
    std::erase_if(found, [&](StepFolder const& one) { return one.step > step; });
    remove_replaced(found);
  } catch (...) {
    failure = std::current_exception();
    found.clear();
  }
  std::size_t const kept = newest_kept(communicator, queue, found);
  try {
    if (failure) std::rethrow_exception(failure);
    std::set<fs::path> const stay = kept_by_rules(found);
    for (std::size_t i = kept; i < found.size(); ++i)
      if (!stay.contains(found[i].path)) remove(found[i].path);
  } catch (Error const& error) {  // the new one is durable: disk space is lost, nothing else
    announce_once(error.what());
  }
}

}  // namespace accord::io
