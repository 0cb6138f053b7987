#include "core/objective/contrast.hpp"

#include <cmath>

#include "core/model/parameter_names.hpp"
#include "core/objective/comparison.hpp"
#include "core/ops/elementwise.hpp"

namespace accord {
namespace {

class Contrast final : public BatchObjective {
 public:
  explicit Contrast(ObjectiveContext const& context)
      : config_(context.config),
        store_(context.scope.store()),
        terms_(context.terms),
        logit_scale_(context.scope.of(ParameterPart::Kind::temperature)
                         .add({.name = official::logit_scale,
                               .shape = {},
                               .init = constant_init(std::log(1 / 0.07)),
                               .bounds = {0, std::log(100.0)}})) {}  // quirk Q13

  void run(Queue& queue, Communicator& data_group, StepOptions const& options,
           BatchEmbeddings& embeddings, StepSums const& sums, View scale) const override {
    Tensor dscale = Tensor::zeros(queue, scale.dtype(), Shape{1});
    logit_scale_forward(queue, store_.value(logit_scale_), scale);
    LossConfig const& loss = config_.loss;
    compare_sides(queue, terms_, embeddings, sums,
                  [&](Term const& term, ConstView z_a, ConstView z_b, View dz_a, View dz_b) {
                    return contrast_ring(queue, data_group, z_a, z_b, scale,
                                         {options.contrast_gradient, loss.contrast_label_smoothing,
                                          term.objective->weight, loss.tile},
                                         dz_a, dz_b, dscale);
                  });
    if (View dtau = store_.gradient(logit_scale_)) logit_scale_backward(queue, dscale, scale, dtau);
  }

 private:
  ModelConfig const& config_;
  ParameterStore& store_;
  std::vector<Term> terms_;
  int logit_scale_;
};

/// Two matrices of logits, and of each the gradients of the sides that want one.
double contrast_flops(ObjectiveConfig const& objective, StepSizes const& sizes) {
  return (1 + trained_sides(objective, sizes)) * 2 * 2 * static_cast<double>(sizes.samples()) *
         static_cast<double>(sizes.global_batch()) *
         static_cast<double>(sizes.config().encoder.embed_dim);
}

constexpr char const* contrast_scalars[] = {"logit_scale"};

}  // namespace

ObjectiveFamily const contrast_family = {
    .name = "contrast",
    .summary = "contrast of two modalities over the global batch",
    .embeds = true,
    .by_default = true,
    .check = check_comparison,
    .passes = compared_passes,
    .counts = comparison_counts,
    .scalars = contrast_scalars,
    .flops = contrast_flops,
    .make_over_batch = [](ObjectiveContext const& context) -> std::unique_ptr<BatchObjective> {
      return std::make_unique<Contrast>(context);
    },
};

}  // namespace accord
