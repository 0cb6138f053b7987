#include "parallel/pipeline/evaluation.hpp"

#include "core/base/trace.hpp"
#include "parallel/pipeline/schedule.hpp"
#include "parallel/pipeline/stage_links.hpp"

namespace accord::parallel {

Evaluation::Evaluation(Queue& queue, Model const& model, MeshGroups& groups)
    : queue_(queue), model_(model), groups_(groups) {}

std::vector<Tensor> Evaluation::embed(std::vector<MicroBatch> const& micro_batches,
                                      Modality modality) {
  return run(micro_batches, {.modalities = {modality}},
             [&](EvaluationStep const& step) { return step.embeddings(modality); });
}

std::vector<Tensor> Evaluation::classify(std::vector<MicroBatch> const& micro_batches) {
  ModelConfig const& config = model_.config();
  ObjectiveConfig const& objective =
      config
          .objectives[static_cast<std::size_t>(find_objective(config, &ObjectiveFamily::labelled))];
  return run(micro_batches, {.modalities = objective.student},
             [](EvaluationStep const& step) { return step.logits(); });
}

std::vector<Tensor> Evaluation::run(std::vector<MicroBatch> const& micro_batches, Pass const& pass,
                                    std::function<Tensor(EvaluationStep const&)> const& result_of) {
  StageLinks links(queue_, groups_);
  std::vector<Tensor> results;
  for (StageStep const& at :
       forwards(static_cast<int>(micro_batches.size()), static_cast<int>(model_.chunks().size()))) {
    TraceSpan const span(queue_, Activity::compute, "evaluate", {"micro_batch", at.micro_batch});
    EvaluationStep step(queue_, model_, micro_batches[static_cast<std::size_t>(at.micro_batch)],
                        pass, at.chunk);
    if (links.forward(model_.chunks()[static_cast<std::size_t>(at.chunk)], model_.dtype(), step))
      results.push_back(result_of(step));
  }
  links.finish();
  return results;
}

}  // namespace accord::parallel
