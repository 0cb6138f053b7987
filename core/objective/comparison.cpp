#include "core/objective/comparison.hpp"

#include "core/base/require.hpp"
#include "core/model/names.hpp"
#include "core/ops/elementwise.hpp"

namespace accord {

void check_comparison(ObjectiveConfig const& objective, ModelConfig const&) {
  require(objective.student.size() == 1 && objective.teacher.size() == 1 &&
              objective.student != objective.teacher,
          "objective.{}: a contrast is between two modalities: one in student, another in teacher",
          objective.name);
}

std::vector<Pass> compared_passes(ObjectiveConfig const& objective, ModelConfig const& model) {
  std::vector<Pass> passes;
  for (Modality const m : {objective.student.front(), objective.teacher.front()})
    passes.push_back(
        {.modalities = {m}, .masked = false, .gradient = trains(model, m), .contrasted = true});
  return passes;
}

std::vector<std::string> comparison_counts(ObjectiveConfig const& objective,
                                           ModelConfig const& model) {
  Modality const a = objective.student.front(), b = objective.teacher.front();
  return {direction_name(model, a, b) + "_accuracy", direction_name(model, b, a) + "_accuracy"};
}

int trained_sides(ObjectiveConfig const& objective, StepSizes const& sizes) {
  int trained = 0;
  for (Modality const m : {objective.student.front(), objective.teacher.front()})
    trained += sizes.pass(find_pass(sizes.passes(), {m}, false)).gradient;
  return trained;
}

void compare_sides(
    Queue& queue, std::vector<Term> const& terms, BatchEmbeddings& embeddings, StepSums const& sums,
    std::function<ContrastResult(Term const&, ConstView, ConstView, View, View)> const& compare) {
  for (Term const& term : terms) {
    auto const a = term.objective->student.front().index();
    auto const b = term.objective->teacher.front().index();
    // A modality may stand in several terms: each one's gradient is added to what is there. One
    // that does not train has none.
    auto const gradient_of = [&](std::size_t m) {
      Tensor const& sum = embeddings.dz[m];
      return sum ? Tensor(queue, sum.dtype(), sum.shape()) : Tensor();
    };
    Tensor da = gradient_of(a), db = gradient_of(b);
    ContrastResult const result = compare(term, embeddings.z[a], embeddings.z[b], da, db);
    if (da) add(queue, da, embeddings.dz[a]);
    if (db) add(queue, db, embeddings.dz[b]);
    add(queue, result.loss, sums.loss_of(term));
    add(queue, result.a2b_correct, sums.count_of(term, 0));
    add(queue, result.b2a_correct, sums.count_of(term, 1));
  }
}

}  // namespace accord
