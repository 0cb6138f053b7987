#include "core/objective/denoise.hpp"

#include <algorithm>

#include "core/base/require.hpp"
#include "core/loss/denoising.hpp"
#include "core/model/parameter_names.hpp"
#include "core/ops/rows.hpp"

namespace accord {
namespace {

/// Where a modality stands among those of a pass.
std::size_t segment_of(Pass const& pass, Modality modality) {
  return static_cast<std::size_t>(std::ranges::find(pass.modalities, modality) -
                                  pass.modalities.begin());
}

class Denoise final : public MicroBatchObjective {
 public:
  explicit Denoise(ObjectiveContext const& context)
      : config_(context.config),
        passes_(context.passes),
        terms_(context.terms),
        decoder_(*context.decoder) {}

  std::unique_ptr<Saved> plan(Queue& queue, LossInput const& input) const override {
    auto saved = std::make_unique<DenoiseSaved>();
    bool const pads = input.options.pad || !config_.parity.decoder_key_mask;
    saved->decoder =
        decoder_.plan(queue, input.batch, passes_, input.encoder.with_gradient.plan.pack(),
                      pads ? config_.loss.denoising_pool : 0);
    for (Term const& term : terms_)
      saved->predictions.push_back(
          plan_prediction(queue, input, *term.objective, saved->decoder.plan.pack()));
    return saved;
  }

  void run(Queue& queue, LossInput const& input, Saved& base, StepSums const& sums,
           View dfeatures) const override {
    auto& saved = static_cast<DenoiseSaved&>(base);
    ConstView const features = input.encoder.with_gradient.features;
    LossConfig const& loss = config_.loss;
    decoder_.forward(queue, features, saved.decoder, input.options.recompute);
    for (std::size_t t = 0; t < terms_.size(); ++t) {
      Prediction& of = saved.predictions[t];
      Tensor const prediction = decoder_.predict(queue, saved.decoder, of.student);
      Encoder::Half const& teacher_half = input.encoder.half_of(of.teacher);
      Tensor teacher(queue, features.dtype(),
                     Shape{of.teacher_rows.size(), teacher_half.features.shape()[1]});
      gather_rows(queue, teacher_half.features, of.teacher_rows, teacher);
      Tensor dprediction(queue, features.dtype(), prediction.shape());
      denoise(queue, prediction, teacher, of.plan,
              {loss.dcl_scale, loss.label_smoothing, loss.tile}, terms_[t].objective->weight,
              sums.loss_of(terms_[t]), dprediction);
      decoder_.predict_backward(queue, dprediction, saved.decoder, of.student);
    }
    decoder_.backward(queue, features, saved.decoder, input.options.recompute, dfeatures);
  }

 private:
  /// One term in one micro-batch.
  struct Prediction {
    int teacher = 0;  ///< its pass
    Decoder::Student student;
    Tensor teacher_rows;  ///< int32: of the teacher's pack
    DenoisePlan plan;
  };
  struct DenoiseSaved final : Saved {
    Decoder::State decoder;
    std::vector<Prediction> predictions;  ///< by term
  };

  Prediction plan_prediction(Queue& queue, LossInput const& input, ObjectiveConfig const& objective,
                             Pack const& decoder_pack) const {
    MicroBatch const& batch = input.batch;
    int const student = find_pass(passes_, objective.student, true);
    Modality const m = objective.modality;
    std::size_t const segment = segment_of(passes_[static_cast<std::size_t>(student)], m);
    TokenMask const& mask = batch.masks[static_cast<std::size_t>(student)][segment];

    Prediction result;
    result.teacher = find_pass(passes_, objective.teacher, false);
    result.student.modality = m;
    Pack const& teacher_pack = input.encoder.half_of(result.teacher).plan.pack();
    std::vector<std::int32_t> rows, teacher_rows;
    std::vector<std::int64_t> targets;
    Index const pool = config_.loss.denoising_pool;
    result.plan.global_pools = input.options.global_batch / pool;
    for (Index s = 0; s < batch.samples(); ++s) {
      if (s % pool == 0)
        result.plan.pools.push_back(
            {static_cast<Index>(rows.size()), 0, static_cast<Index>(teacher_rows.size()), 0});
      auto& current = result.plan.pools.back();
      Index const length = batch.lengths[m.index()][static_cast<std::size_t>(s)];
      Index const decoder_row = decoder_pack.segment(student, m, s).row;
      Index const teacher_row = teacher_pack.segment(result.teacher, m, s).row;
      std::uint8_t const* masked = mask.masked.data() + mask.offsets[static_cast<std::size_t>(s)];
      for (Index p = 1; p < length; ++p) {  // the class token is neither query nor candidate
        if (masked[p]) {
          rows.push_back(static_cast<std::int32_t>(decoder_row + p));
          targets.push_back(static_cast<Index>(teacher_rows.size()) - current.key_begin);
        }
        teacher_rows.push_back(static_cast<std::int32_t>(teacher_row + p));
      }
      current.queries = static_cast<Index>(rows.size()) - current.query_begin;
      current.keys = static_cast<Index>(teacher_rows.size()) - current.key_begin;
    }
    result.student.rows = Tensor::from_host(queue, rows);
    result.teacher_rows = Tensor::from_host(queue, teacher_rows);
    result.plan.targets = Tensor::from_host(queue, targets);
    return result;
  }

  ModelConfig const& config_;
  std::vector<Pass> const& passes_;
  std::vector<Term> terms_;
  Decoder const& decoder_;
};

void check_denoising(ObjectiveConfig const& objective, ModelConfig const& model) {
  std::string const at = "objective." + objective.name;
  require(model.decoder.layers > 0, "{}: a denoise term needs a decoder; give [model.decoder]", at);
  require(!objective.teacher.empty(),
          "{}.teacher is not set; list the modalities, as in [\"image\"]", at);
  require(objective.modality != Modality::none,
          "{}.modality is not set; say whose tokens of the joint sequence are predicted", at);
  require(std::ranges::count(objective.student, objective.modality) > 0 &&
              std::ranges::count(objective.teacher, objective.modality) > 0,
          "{}.modality = \"{}\" must be among its student and its teacher", at,
          model.modalities[objective.modality.index()].name);
}

std::vector<Pass> denoising_passes(ObjectiveConfig const& objective, ModelConfig const&) {
  return {{.modalities = objective.teacher},
          {.modalities = objective.student, .masked = true, .gradient = true}};
}

/// The head of the masked tokens, and their similarities with their pool's candidates; teachers
/// take no gradient.
double denoising_flops(ObjectiveConfig const& objective, StepSizes const& sizes) {
  ModelConfig const& config = sizes.config();
  auto const d = static_cast<double>(config.encoder.embed_dim),
             dd = static_cast<double>(config.decoder.embed_dim);
  int const pass = find_pass(sizes.passes(), objective.student, true);
  std::size_t const segment = segment_of(sizes.pass(pass), objective.modality);
  std::string const& name = config.modalities[objective.modality.index()].name;
  Index const pool = config.loss.denoising_pool;
  double flops = 0;
  for (Index begin = 0; begin < sizes.samples(); begin += pool) {
    double queries = 0, candidates = 0;
    for (Index s = begin; s < std::min(begin + pool, sizes.samples()); ++s) {
      queries += static_cast<double>(sizes.hidden(pass, segment, s));
      candidates += static_cast<double>(sizes.length(objective.modality, s) - 1);
    }
    flops += sizes.ways({official::mask_head(name)}, true) * 2 * queries * dd * d;
    flops += 2 * 2 * queries * candidates * d;
  }
  return flops;
}

}  // namespace

ObjectiveFamily const denoise_family = {
    .name = "denoise",
    .summary = "masked denoising contrast",
    .decodes = true,
    .check = check_denoising,
    .passes = denoising_passes,
    .counts = [](ObjectiveConfig const&, ModelConfig const&) { return std::vector<std::string>(); },
    .flops = denoising_flops,
    .make = [](ObjectiveContext const& context) -> std::unique_ptr<MicroBatchObjective> {
      return std::make_unique<Denoise>(context);
    },
};

}  // namespace accord
