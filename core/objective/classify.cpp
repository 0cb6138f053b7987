#include "core/objective/classify.hpp"

#include <algorithm>

#include "core/base/require.hpp"
#include "core/model/parameter_names.hpp"
#include "core/objective/classify_head.hpp"
#include "core/ops/cross_entropy.hpp"

namespace accord {
namespace {

class Classify final : public MicroBatchObjective {
 public:
  explicit Classify(ObjectiveContext const& context)
      : config_(context.config),
        passes_(context.passes),
        term_(context.terms.front()),
        head_((context.scope / official::classify_head).of(ParameterPart::Kind::class_head),
              config_.encoder.embed_dim, config_.encoder.heads, term_.objective->pooling,
              term_.objective->classes) {}

  std::unique_ptr<Saved> plan(Queue& queue, LossInput const& input) const override {
    auto saved = std::make_unique<ClassifySaved>();
    saved->head = head_.plan(queue, input.encoder.with_gradient.plan.pack(),
                             find_pass(passes_, term_.objective->student, false),
                             term_.objective->modality, input.batch.samples());
    return saved;
  }

  void run(Queue& queue, LossInput const& input, Saved& base, StepSums const& sums,
           View dfeatures) const override {
    ClassifyHead::Saved& saved = static_cast<ClassifySaved&>(base).head;
    MicroBatch const& batch = input.batch;
    Tensor const logits = head_.forward(queue, input.encoder.with_gradient.features, saved);
    Tensor dlogits(queue, logits.dtype(), logits.shape());
    double const share = 1.0 / static_cast<double>(input.options.global_batch),
                 weight = term_.objective->weight;
    View const loss = sums.loss_of(term_), correct = sums.count_of(term_, 0);
    if (batch.multi_hot.empty()) {
      Tensor const labels = Tensor::from_host(queue, batch.labels);
      cross_entropy(queue, logits, labels, config_.loss.classify_label_smoothing, share, weight,
                    loss, correct, dlogits);
    } else {
      Tensor const targets =
          Tensor::from_host(queue, std::span<std::uint8_t const>(batch.multi_hot), logits.shape());
      binary_cross_entropy(queue, logits, targets, share, weight, loss, correct, dlogits);
    }
    head_.backward(queue, dlogits, saved, dfeatures);
  }

  Tensor answers(Queue& queue, Pack const& pack, ConstView features, Index samples) const override {
    ClassifyHead::Saved saved = head_.plan(queue, pack, 0, term_.objective->modality, samples);
    return head_.forward(queue, features, saved);
  }

 private:
  struct ClassifySaved final : Saved {
    ClassifyHead::Saved head;
  };

  ModelConfig const& config_;
  std::vector<Pass> const& passes_;
  Term term_;
  ClassifyHead head_;
};

void check_classification(ObjectiveConfig const& objective, ModelConfig const&) {
  std::string const at = "objective." + objective.name;
  require(objective.teacher.empty(), "{}.teacher: a classification has none; labels teach it", at);
  require(objective.modality != Modality::none &&
              std::ranges::count(objective.student, objective.modality) > 0,
          "{}.modality is not set; say which of its modalities the head reads", at);
  require(objective.class_names.empty() || objective.classes == 0 ||
              static_cast<Index>(objective.class_names.size()) == objective.classes,
          "{0}.class_names names {1} classes, but {0}.classes = {2}", at,
          objective.class_names.size(), objective.classes);
}

std::vector<Pass> classified_passes(ObjectiveConfig const& objective, ModelConfig const&) {
  return {{.modalities = objective.student, .masked = false, .gradient = true}};
}

/// The head's matrices; with pooling by attention also keys and values of the tokens, one output,
/// and the query against them.
double classification_flops(ObjectiveConfig const& objective, StepSizes const& sizes) {
  auto const d = static_cast<double>(sizes.config().encoder.embed_dim),
             samples = static_cast<double>(sizes.samples());
  double const ways = sizes.ways({official::classify_head}, true);
  double flops = ways * 2 * samples * 2 * d * (d + static_cast<double>(objective.classes));
  if (objective.pooling == Pooling::attention)
    for (Index s = 0; s < sizes.samples(); ++s) {
      auto const tokens = static_cast<double>(sizes.length(objective.modality, s) - 1);
      flops += ways * 2 * d * d * (2 * tokens + 1) + 3 * 2 * 2 * tokens * d;
    }
  return flops;
}

}  // namespace

ObjectiveFamily const classify_family = {
    .name = "classify",
    .summary = "classification",
    .labelled = true,
    .check = check_classification,
    .passes = classified_passes,
    .counts =
        [](ObjectiveConfig const& objective, ModelConfig const&) {
          return std::vector<std::string>{objective.name + "_accuracy"};
        },
    .flops = classification_flops,
    .make = [](ObjectiveContext const& context) -> std::unique_ptr<MicroBatchObjective> {
      return std::make_unique<Classify>(context);
    },
};

}  // namespace accord
