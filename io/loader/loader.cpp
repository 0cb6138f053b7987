#include "io/loader/loader.hpp"

#include <chrono>
#include <iterator>
#include <utility>

#include "core/base/check.hpp"

namespace accord::io {
namespace {

std::uint64_t share_of_rank(Index global_batch, LoaderConfig const& config) {
  if (global_batch <= 0 || global_batch % config.data_ranks != 0)
    throw UsageError(
        fmt::format("train.global_batch = {} is not a multiple of the {} data-parallel ranks",
                    global_batch, config.data_ranks));
  Index const share = global_batch / config.data_ranks;
  if (config.micro_batch <= 0 || share % config.micro_batch != 0)
    throw UsageError(
        fmt::format("train.micro_batch = {} does not divide the {} samples per step of each of {} "
                    "data-parallel ranks",
                    config.micro_batch, share, config.data_ranks));
  return static_cast<std::uint64_t>(share);
}

std::uint64_t first_step_of(SampleConfig const& samples) {
  std::uint64_t const position = samples.start ? samples.start->position : 0;
  std::uint64_t const global_batch = static_cast<std::uint64_t>(samples.global_batch);
  if (position % global_batch != 0)
    throw UsageError(
        fmt::format("the run stopped at position {}, which is not between two steps of "
                    "train.global_batch = {}: a "
                    "run keeps its global batch",
                    position, global_batch));
  return position / global_batch;
}

}  // namespace

Loader::Loader(SampleConfig const& samples, LoaderConfig const& config)
    : config_(config),
      global_batch_(static_cast<std::uint64_t>(samples.global_batch)),
      share_(share_of_rank(samples.global_batch, config)),
      loader_(samples),
      first_step_(first_step_of(samples)),
      scratch_(static_cast<std::size_t>(config.threads)),
      samples_(scratch_.size(),
               static_cast<std::size_t>((config.read_ahead + 1) * config.micro_batch),
               [this](std::uint64_t ticket, std::size_t worker) {
                 return loader_.load(position_of(ticket), scratch_[worker]);
               }) {}

std::uint64_t Loader::position_of(std::uint64_t ticket) const {
  return (first_step_ + ticket / share_) * global_batch_ +
         static_cast<std::uint64_t>(config_.data_rank) * share_ + ticket % share_;
}

MicroBatch Loader::next() {
  auto const begin = std::chrono::steady_clock::now();
  MicroBatch batch = empty_batch(loader_.modalities());
  for (Index i = 0; i < config_.micro_batch; ++i) {
    LoadedSample sample = *samples_.next();
    append(batch, sample.batch);
    std::move(sample.skipped.begin(), sample.skipped.end(), std::back_inserter(skipped_));
    ++taken_;
  }
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return batch;
}

std::uint64_t Loader::position() const { return (first_step_ + taken_ / share_) * global_batch_; }

OrderState Loader::state() const {
  ACCORD_CHECK(taken_ % share_ == 0, "the state of a loader in the middle of a step");
  return loader_.order().state(position());
}

}  // namespace accord::io
