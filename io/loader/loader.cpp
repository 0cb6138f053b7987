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
      loader_(samples, 1.0 / config.data_ranks),
      first_step_(first_step_of(samples)),
      scratch_(static_cast<std::size_t>(config.threads)),
      // A batch that is being handed over and the next one to use its place must not meet: one more
      // than are made.
      memory_(static_cast<std::size_t>(config.read_ahead) + 2),
      samples_(scratch_.size(),
               static_cast<std::size_t>((config.read_ahead + 1) * config.micro_batch),
               [this](std::uint64_t ticket, std::size_t worker) {
                 return load(ticket, scratch_[worker]);
               }) {}

std::uint64_t Loader::position_of(std::uint64_t ticket) const {
  return (first_step_ + ticket / share_) * global_batch_ +
         static_cast<std::uint64_t>(config_.data_rank) * share_ + ticket % share_;
}

LoadedSample Loader::load(std::uint64_t ticket, ItemDecoder::Scratch& scratch) {
  Memory& memory = memory_of(ticket);
  std::uint64_t const micro_batch = static_cast<std::uint64_t>(config_.micro_batch);
  ItemDecoder::Places places(loader_.modalities());
  {
    std::lock_guard const lock(memory.mutex);
    memory.inputs.resize(loader_.modalities());
    for (Modality modality : loader_.used()) {
      std::size_t const m = modality.index();
      std::size_t const bytes = loader_.decoder().item_bytes(modality);
      if (bytes == 0) continue;
      memory.inputs[m].resize(bytes * micro_batch);  // does nothing but for the first of a batch
      places[m] = memory.inputs[m].data() + ticket % micro_batch * bytes;
    }
  }
  return loader_.load(position_of(ticket), scratch, places);
}

MicroBatch Loader::next() {
  auto const begin = std::chrono::steady_clock::now();
  Memory& memory = memory_of(taken_);
  std::vector<MicroBatch> parts;
  for (LoadedSample& sample : samples_.take(static_cast<std::size_t>(config_.micro_batch))) {
    parts.push_back(std::move(sample.batch));
    std::move(sample.skipped.begin(), sample.skipped.end(), std::back_inserter(skipped_));
    ++taken_;
  }
  MicroBatch batch = join(parts);
  for (Modality modality : loader_.used())
    if (loader_.decoder().item_bytes(modality) > 0) {
      std::size_t const m = modality.index();
      batch.inputs[m].data = std::exchange(memory.inputs[m], {});
    }
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return batch;
}

std::uint64_t Loader::position() const { return (first_step_ + taken_ / share_) * global_batch_; }

OrderState Loader::state(Index steps_ahead) const {
  ACCORD_CHECK(taken_ % share_ == 0, "the state of a loader in the middle of a step");
  return loader_.order().state(position() +
                               static_cast<std::uint64_t>(steps_ahead) * global_batch_);
}

}  // namespace accord::io
