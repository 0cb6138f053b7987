#pragma once

#include "core/model/batch.hpp"
#include "core/model/config.hpp"

namespace accord::app {

/// How long made-up captions are, in rows: from `shortest` to max_tokens; with a mean, few are much
/// longer (exponential beyond the shortest, the longest cut off), without, all lengths are alike.
struct CaptionLengths {
  Index shortest = 5;  ///< 0: all max_tokens
  double mean = 0;     ///< 0: all lengths alike
};

/// Samples at positions [first, first + count) made of random tokens and pixels, for benchmarks: no
/// data, no tokenizer. One row of a caption in three begins a word. A pure function of (seed,
/// position).
MicroBatch synthetic_batch(ModelConfig const& config, std::uint32_t seed, std::uint64_t first,
                           Index count, CaptionLengths const& captions);

}  // namespace accord::app
