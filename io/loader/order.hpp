#pragma once
// Which sample a position of the run takes. A position is step * global_batch + i; nothing here
// depends on the number of ranks, threads or micro-batches.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/rng.hpp"

namespace accord::io {

/// A source of samples as the order sees it.
struct OrderSource {
  std::string name;
  std::uint64_t samples = 0;
  double weight = 1;  ///< share of the positions, relative to the other sources'
  std::string index;  ///< hash of the index that lists the samples
};

/// Where a source stands. `index` and `samples` are those its epoch began with; the source may have
/// grown since.
struct SourceState {
  std::string name;
  std::uint64_t epoch = 0;  ///< epochs completed
  std::uint64_t first =
      0;  ///< samples the source had given when this epoch began; of a lone source: a position
  std::uint64_t samples = 0;
  std::string index;
  double weight = 1;
  friend bool operator==(SourceState const&, SourceState const&) = default;
};

/// All there is to know to continue; a checkpoint keeps its JSON form,
/// {"position", "global_batch", "sources": [{"name", "epoch", "first", "samples", "index",
/// "weight"}]}.
struct OrderState {
  std::uint64_t position = 0;  ///< the next one
  std::uint64_t global_batch = 0;
  std::vector<SourceState> sources;
  friend bool operator==(OrderState const&, OrderState const&) = default;
};
std::string to_json(OrderState const& state);
/// \throws DataError if the text is not such a state
OrderState order_state_from_json(std::string_view text);

/// One source: an epoch is E = floor(samples / global_batch) whole steps of a permutation of its
/// samples; the tail of each permutation is left out, another one each time, so no batch holds a
/// sample twice. Several: each window of 65 536 positions gives every source its quota of them,
/// shares of the weights rounded by largest remainder, and deals the quotas over the window by a
/// permutation of its own; each source has its own epochs, of all its samples, and only there may a
/// batch straddle one. An epoch of a lone source keeps the samples it began with, its later ones
/// take the source as it is now; the sources of a mixture, whose epochs end anywhere within a
/// window, keep the samples that the run began with. Thread-safe: all const functions are pure.
class Order {
 public:
  static constexpr std::uint64_t mixture_window = 65536;
  static constexpr int max_attempts = 8;

  struct Place {
    int source = 0;
    std::uint64_t sample = 0;
    friend bool operator==(Place const&, Place const&) = default;
  };

  /// \throws DataError if a source is too small or `start` is damaged, UsageError for an impossible
  /// weight or if `start` has another batch, other sources or weights
  Order(std::vector<OrderSource> sources, std::uint64_t global_batch, std::uint32_t seed,
        OrderState const* start = nullptr);

  /// The sample of a position, not before the start. Attempt t > 0 is the replacement for a sample
  /// that cannot be used: that of the virtual position t epochs of its source later, i.e. the same
  /// place of a later epoch.
  Place at(std::uint64_t position, int attempt = 0) const;

  /// Epochs completed before a position, of the first source.
  std::uint64_t epoch(std::uint64_t position) const;
  /// To continue at a position, which is the first one not yet used.
  OrderState state(std::uint64_t position) const;
  /// Whole steps that take as many samples as the sources have now.
  std::uint64_t steps_per_epoch() const;

 private:
  struct Source {
    OrderSource now;
    SourceState bound;            // what was under way at the start
    std::uint64_t bound_end = 0;  // from this index within the source on, `now` counts
    std::uint64_t quota = 0, first_slot = 0;
  };
  struct Turn {                          // the k-th sample that a source gives
    SourceState const* bound = nullptr;  // null: the source as it is now
    std::uint64_t epoch = 0, first = 0, samples = 0;
  };
  struct Given {  // which source gives the sample of a position, and how many it gave before
    std::size_t source;
    std::uint64_t k;
  };
  void set_quotas();
  std::uint64_t epoch_length(std::uint64_t samples) const;
  Given given(std::uint64_t position) const;
  Turn turn(Source const& source, std::uint64_t k) const;

  std::vector<Source> sources_;
  bool lone_;
  std::uint64_t global_batch_;
  Draws order_, slots_;
};

}  // namespace accord::io
