#pragma once
// The samples of a run, decoded ahead of their use, in the order of their positions.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "io/loader/read_ahead.hpp"
#include "io/loader/sample_loader.hpp"

namespace accord::io {

/// Which part of each step a rank reads, and how far ahead.
struct LoaderConfig {
  Index micro_batch = 0;  ///< divides the global batch's share of a rank
  int data_rank = 0, data_ranks = 1;
  int threads = 1;     ///< that read and decode
  int read_ahead = 2;  ///< micro-batches made while one is in use
};

/// Gives DP rank r of D its positions [r * b, (r + 1) * b) of each step, b = global_batch / D, in
/// micro-batches, in order. What a position holds does not depend on ranks, threads, micro-batches
/// or read-ahead (SampleLoader). Created by ranks that read (pipeline stage 0, tensor rank 0), no
/// communication; one thread calls its methods.
class Loader {
 public:
  /// \throws UsageError for sizes that do not divide or a start that is not between two steps, and
  /// what SampleLoader throws
  Loader(SampleConfig const& samples, LoaderConfig const& config);

  /// The next micro-batch: core/model/batch.hpp says what it holds. Inputs and lengths of
  /// modalities that no pass uses stay empty; labels are there if every source has single labels.
  /// \throws as SampleLoader::load, for a sample of it
  MicroBatch next();

  /// First position of the step that next() is in, or is about to begin.
  std::uint64_t position() const;
  /// To continue with the step that is about to begin, or so many steps after it. \pre the last
  /// step was taken whole
  OrderState state(Index steps_ahead = 0) const;
  std::uint64_t epoch() const { return loader_.order().epoch(position()); }
  std::map<std::string, std::string> indexes() const { return loader_.indexes(); }
  std::uint64_t steps_per_epoch() const { return loader_.order().steps_per_epoch(); }

  /// Those met since the construction in what next() gave.
  std::vector<SkippedSample> const& skipped() const { return skipped_; }
  /// Time spent in next() since the construction.
  double data_wait_seconds() const { return waited_; }

 private:
  /// Inputs of fixed size of one micro-batch, written by the threads that decode its samples.
  struct Memory {
    std::mutex mutex;
    std::vector<std::vector<std::byte>> inputs;  // by Modality
  };
  std::uint64_t position_of(std::uint64_t ticket) const;
  LoadedSample load(std::uint64_t ticket, ItemDecoder::Scratch& scratch);
  Memory& memory_of(std::uint64_t ticket) {
    return memory_[ticket / static_cast<std::uint64_t>(config_.micro_batch) % memory_.size()];
  }

  LoaderConfig config_;
  std::uint64_t global_batch_, share_;
  SampleLoader loader_;
  std::uint64_t first_step_, taken_ = 0;  // samples of this rank
  std::vector<SkippedSample> skipped_;
  double waited_ = 0;
  std::vector<ItemDecoder::Scratch> scratch_;  // of each thread
  std::vector<Memory> memory_;
  ReadAhead<LoadedSample> samples_;  // last: its threads use the members above
};

}  // namespace accord::io
