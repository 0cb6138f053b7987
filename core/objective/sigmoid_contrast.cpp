#include "core/objective/sigmoid_contrast.hpp"

#include <cmath>

#include "core/loss/sigmoid_contrastive.hpp"
#include "core/objective/comparison.hpp"
#include "core/ops/elementwise.hpp"

namespace accord {
namespace {

class SigmoidContrast final : public BatchObjective {
 public:
  explicit SigmoidContrast(ObjectiveContext const& context)
      : config_(context.config), store_(context.scope.store()), terms_(context.terms) {
    ParameterScope const scope =
        (context.scope / "sigmoid_contrast").of(ParameterPart::Kind::temperature);
    logit_scale_ = scope.add({.name = "logit_scale",
                              .shape = {},
                              .init = constant_init(std::log(10.0)),
                              .bounds = {0, std::log(100.0)}});
    logit_bias_ = scope.add({.name = "logit_bias", .shape = {}, .init = constant_init(-10)});
  }

  void run(Queue& queue, Communicator& data_group, StepOptions const& options,
           BatchEmbeddings& embeddings, StepSums const& sums, View scalars) const override {
    View const scale = scalars.rows(0, 1), bias = scalars.rows(1, 1);
    logit_scale_forward(queue, store_.value(logit_scale_), scale);
    zero(queue, bias);
    add(queue, store_.value(logit_bias_).reshaped(Shape{1}), bias);
    Tensor dscale = Tensor::zeros(queue, scale.dtype(), Shape{1});
    View const dlog_scale = store_.gradient(logit_scale_), dbias = store_.gradient(logit_bias_);
    compare_sides(queue, terms_, embeddings, sums,
                  [&](Term const& term, ConstView z_a, ConstView z_b, View dz_a, View dz_b) {
                    return sigmoid_contrast_ring(
                        queue, data_group, z_a, z_b, {scale, bias},
                        {.gradient = options.contrast_gradient,
                         .weight = term.objective->weight,
                         .tile = config_.loss.tile},
                        dz_a, dz_b, {dscale, dbias ? dbias.reshaped(Shape{1}) : View()});
                  });
    if (dlog_scale) logit_scale_backward(queue, dscale, scale, dlog_scale);
  }

 private:
  ModelConfig const& config_;
  ParameterStore& store_;
  std::vector<Term> terms_;
  int logit_scale_ = -1, logit_bias_ = -1;
};

/// One matrix of logits, and the gradients of the sides that want one.
double sigmoid_flops(ObjectiveConfig const& objective, StepSizes const& sizes) {
  return (1 + trained_sides(objective, sizes)) * 2 * static_cast<double>(sizes.samples()) *
         static_cast<double>(sizes.global_batch()) *
         static_cast<double>(sizes.config().encoder.embed_dim);
}

constexpr char const* sigmoid_scalars[] = {"logit_scale", "logit_bias"};

}  // namespace

ObjectiveFamily const sigmoid_contrast_family = {
    .name = "sigmoid_contrast",
    .summary = "contrast by a sigmoid of each pair of samples",
    .embeds = true,
    .check = check_comparison,
    .passes = compared_passes,
    .counts = comparison_counts,
    .scalars = sigmoid_scalars,
    .flops = sigmoid_flops,
    .make_over_batch = [](ObjectiveContext const& context) -> std::unique_ptr<BatchObjective> {
      return std::make_unique<SigmoidContrast>(context);
    },
};

}  // namespace accord
