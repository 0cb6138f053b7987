#pragma once

#include "core/model/batch.hpp"
#include "core/model/config.hpp"

namespace accord::app {

/// Samples at positions [first, first + count) made of random tokens and pixels, for benchmarks: no
/// data, no tokenizer. Token items have between `shortest` and max_tokens rows, uniformly (all
/// max_tokens if `shortest` is 0); one row in three begins a word. A pure function of (seed,
/// position).
MicroBatch synthetic_batch(ModelConfig const& config, std::uint32_t seed, std::uint64_t first,
                           Index count, Index shortest);

}  // namespace accord::app
