#pragma once
// What the kinds have in common that compare two modalities' embeddings over the global batch.

#include <functional>

#include "core/model/objective.hpp"

namespace accord {

/// \throws UsageError unless one modality stands on each side
void check_comparison(ObjectiveConfig const& objective, ModelConfig const& model);
/// The whole passes of both. A side sends a gradient back where its modality trains (stage 2: the
/// text does not).
std::vector<Pass> compared_passes(ObjectiveConfig const& objective, ModelConfig const& model);
/// `<a>2<b>_accuracy`, `<b>2<a>_accuracy`.
std::vector<std::string> comparison_counts(ObjectiveConfig const& objective,
                                           ModelConfig const& model);
/// How many of its two sides send a gradient back.
int trained_sides(ObjectiveConfig const& objective, StepSizes const& sizes);

/// compare(term, z_a, z_b, dz_a, dz_b) -> ContrastResult, for each term; an empty gradient is not
/// wanted. Adds up what comes out, as BatchObjective::run() does.
void compare_sides(
    Queue& queue, std::vector<Term> const& terms, BatchEmbeddings& embeddings, StepSums const& sums,
    std::function<ContrastResult(Term const&, ConstView, ConstView, View, View)> const& compare);

}  // namespace accord
