#pragma once
// The stems of adapters alone, with the gradient of pixels and samples, which training never asks
// for.

#include "app/verify/reference.hpp"
#include "core/model/modality/convolution_positions.hpp"
#include "core/model/modality/convolution_stem.hpp"
#include "core/model/modality/patch_stem.hpp"

namespace accord::app {

struct StemResult {
  std::vector<double> features, dpixels;
};

/// Forward of the pictures in dataset `images` [images, 3, size, size], backward of dfeatures.
StemResult run_stem(Queue& queue, Reference const& reference, ParameterStore& store,
                    PatchStem const& stem, std::string const& images,
                    std::vector<double> const& dfeatures);

/// Stem and positions of a signal, as the adapter has them.
struct Signal {
  ParameterStore store;
  ParameterScope::Rules rules;
  ConvolutionStem stem;
  ConvolutionPositions positions;

  Signal(Queue& queue, Reference const& reference, ModalityConfig const& config, Index d);
};

/// Where items of equal length begin, and the end of the last.
std::vector<Index> equal_offsets(Index items, Index length);
Tensor upload_offsets(Queue& queue, std::vector<Index> const& offsets);

/// The gradient of inputs/src_audios, given upstream/x.
/// \param kept  positions of [samples, length] tokens, class tokens included
std::vector<double> gradient_of_samples(Queue& queue, Reference const& reference,
                                        ModalityConfig const& config, Index d,
                                        std::vector<std::int32_t> const& kept, Index length);

}  // namespace accord::app
