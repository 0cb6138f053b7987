#pragma once
// From a reference file of the whole model to Accord's own configuration, weights and batches.

#include "app/verify/reference.hpp"
#include "core/model/model.hpp"

namespace accord::app {

/// The model a file describes: sizes, modalities and the stage's objectives, in the official code's
/// parity mode (padded decoder keys take part, epsilon beside the uncorrected root). One batch is
/// one denoising pool.
ModelConfig reference_model_config(Reference const& reference, Index pool);

/// The row of a caption's padding.
inline constexpr std::int32_t pad_token = 1;

/// The modalities of an official adapter's configuration at this JSON pointer, with tables as long
/// as the file's and room for its longest inputs.
ModalityConfig reference_text(Reference const& reference, std::string const& pointer);
ModalityConfig reference_picture(Reference const& reference, std::string const& pointer);
ModalityConfig reference_signal(Reference const& reference, std::string const& pointer);

/// Official name of an objective's term, and of the number of right answers of a contrast in one
/// direction.
std::string official_term(ObjectiveConfig const& objective, ModelConfig const& config);
std::string official_count(ModelConfig const& config, Modality a, Modality b);

/// Fills every parameter from weights/<prefix-less name>. \throws DataError for a missing or
/// unknown one.
void load_reference_weights(Queue& queue, Reference const& reference, ParameterStore& store,
                            std::string const& group = "weights/", std::string const& prefix = "");

/// Compares the gradients of all parameters so named that the file has one of.
void compare_gradients(Queue& queue, Reference& reference, ParameterStore& store,
                       Tolerance const& tolerance, std::string const& prefix = "");

/// Samples of inputs/<group>: ids without pads, images, masks of all masked passes.
MicroBatch reference_batch(Reference const& reference, ModelConfig const& config,
                           std::string const& group = "inputs/");

}  // namespace accord::app
