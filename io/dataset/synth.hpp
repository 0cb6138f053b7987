#pragma once
// The synthetic data sets: training samples, unseen captions, unseen pairs of colour and shape.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

struct SynthOptions {
  std::filesystem::path out;
  Index train = 6000;     ///< training samples; beyond the captions there are, captions come again
                          ///< with other pictures
  Index held_out = 1000;  ///< samples, each with a caption of its own, in either held-out set
  Index size = 32;        ///< pixels
  bool audio = true;
  std::uint32_t seed = 1;
};

/// Folders of the three datasets that build_synth() makes, in order.
inline std::vector<std::string> const synth_datasets{"train", "heldout-captions", "heldout-pairs"};

/// Makes three datasets, in order: <out>/train; <out>/heldout-captions, whose captions are not
/// trained (one in five, by hash) but whose colour-shape pairs all are; <out>/heldout-pairs, each
/// caption with one of the pairs red square, yellow diamond, blue ring, brown circle, which
/// training never shows. Modalities: image, text, and audio if asked for. Labels: colour and shape
/// of the upper or left object (scene_classes()). One that is there with
/// the same options is left alone. `progress(done, total)` is called now and then on the calling
/// thread. \throws UsageError if a folder holds another dataset, or more is asked for than there
/// are captions
void build_synth(SynthOptions const& options,
                 std::function<void(Index done, Index total)> const& progress);

/// Numbers of the scenes of the three sets, each in the order of its samples.
struct SynthSplits {
  std::vector<Index> train, captions, pairs;
};
SynthSplits synth_splits(SynthOptions const& options);

}  // namespace accord::io
