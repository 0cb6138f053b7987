#pragma once

#include "app/config/config.hpp"
#include "core/model/batch.hpp"

namespace accord::app {

/// Samples at positions [first, first + count) made of random tokens and pixels, for benchmarks: no
/// data, no tokenizer. One row of a caption in three begins a word. A pure function of (seed,
/// position).
MicroBatch synthetic_batch(ModelConfig const& config, std::uint32_t seed, std::uint64_t first,
                           Index count, CaptionLengths const& captions);

}  // namespace accord::app
