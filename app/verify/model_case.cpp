// The whole model: loss, terms, what each call returned, activations layer by layer, all gradients.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "core/comm/self_communicator.hpp"
#include "parallel/pipeline/train_step.hpp"

namespace accord::app {
namespace {

// Compares rows of a pack with a dataset [batch, padded length, width] on real positions.
// `modality` -1: the whole sequence, segment after segment, each padded to the batch's longest.
void compare_pass(Queue& queue, Reference& reference, std::string const& dataset, ConstView rows,
                  Pack const& pack, int pass, Modality modality, Tolerance const& tolerance) {
  if (!reference.file().exists(dataset)) return;
  std::vector<Index> const shape = reference.shape(dataset);
  std::vector<double> const all = reference.values(dataset), computed = as_doubles(queue, rows);
  Index const width = shape[2];
  std::vector<double> got, want;
  std::vector<Index> widths;  // of each segment, over the batch
  auto real_rows = [&](AttentionSegment const& segment) {
    auto const begin = pack.real.begin() + segment.row;
    return static_cast<Index>(std::count(begin, begin + segment.length, 1));
  };
  for (PackedSequence const& sequence : pack.sequences)
    if (sequence.pass == pass)
      for (std::size_t k = 0; k < sequence.segments.size(); ++k) {
        widths.resize(sequence.segments.size());
        widths[k] = std::max(widths[k], real_rows(sequence.segments[k]));
      }
  for (PackedSequence const& sequence : pack.sequences) {
    if (sequence.pass != pass) continue;
    Index offset = 0;
    for (std::size_t k = 0; k < sequence.segments.size(); ++k) {
      AttentionSegment const& segment = sequence.segments[k];
      if (modality != Modality::none && segment.modality != modality) continue;
      for (Index i = 0; i < real_rows(segment); ++i) {
        auto const from = computed.begin() + (segment.row + i) * width;
        auto const to = all.begin() + (sequence.sample * shape[1] + offset + i) * width;
        got.insert(got.end(), from, from + width);
        want.insert(want.end(), to, to + width);
      }
      offset += widths[k];
    }
  }
  reference.compare_values(dataset, got, want, tolerance);
}

// Official name of a joint pass.
std::string joint_name(ModelConfig const& config) {
  return find_modality(config, "audio") != Modality::none ? "al" : "vl";
}

// Official names of the passes, by pass.
std::string call_name(ModelConfig const& config, Pass const& pass) {
  std::string const what = pass.modalities.size() > 1
                               ? joint_name(config)
                               : config.modalities[pass.modalities.front().index()].name;
  if (pass.masked) return "student_" + what;
  return pass.modalities.size() > 1 ? "teacher_" + what : what;
}

// Runs the layers of one stack one by one beside the recorded activations.
void trace(Queue& queue, Reference& reference, ModelConfig const& config,
           std::vector<Pass> const& passes, std::string const& wrapper, Stack const& stack,
           std::vector<PositionBias> const& bias, PackPlan const& plan, Tensor x,
           Tolerance const& tolerance) {
  auto compare = [&](std::string const& what, Modality modality, std::size_t p) {
    if (std::none_of(plan.pack().sequences.begin(), plan.pack().sequences.end(),
                     [&](PackedSequence const& s) { return s.pass == static_cast<int>(p); }))
      return;
    compare_pass(queue, reference,
                 fmt::format("outputs/trace/{}/{}.{}", call_name(config, passes[p]), wrapper, what),
                 x, plan.pack(), static_cast<int>(p), modality, tolerance);
  };
  for (std::size_t p = 0; p < passes.size(); ++p)
    for (Modality m : passes[p].modalities)
      compare(config.modalities[m.index()].name + "_adapter", m, p);
  for (Index layer = stack.layer_begin(); layer < stack.layer_end(); ++layer) {
    ResidualStream stream(std::move(x));
    stack.block(layer).forward(queue, plan.attention(layer), plan.ffn(layer), bias, stream,
                               Recompute::none, nullptr);
    x = std::move(stream).finish(queue);
    for (std::size_t p = 0; p < passes.size(); ++p)
      compare(fmt::format("layers.{}", layer), Modality::none, p);
  }
}

Tensor copy_of(Queue& queue, ConstView from) {
  Tensor result(queue, from.dtype(), from.shape());
  copy(queue, from, result);
  return result;
}

void verify_activations(Queue& queue, Reference& reference, Model const& model,
                        StepOptions const& options, MicroBatch const& batch) {
  ModelConfig const& config = model.config();
  std::vector<Pass> const& passes = model.passes();
  Tolerance const tolerance = tolerance_of(Quantity::model_output, reference.dtype());
  Encoder const& encoder = model.encoder();

  if (reference.file().exists("outputs/trace")) {
    MicroStep step(queue, model, options, batch, MicroStep::Passes::all);
    std::vector<int> with_gradient, without_gradient;
    for (std::size_t p = 0; p < passes.size(); ++p)
      (passes[p].gradient ? with_gradient : without_gradient).push_back(static_cast<int>(p));
    Encoder::State state =
        encoder.plan(queue, batch, passes, with_gradient, without_gradient, {}, 0);
    encoder.embed(queue, batch, state);
    for (Encoder::Half const* half : {&state.with_gradient, &state.without_gradient})
      trace(queue, reference, config, passes, "encoder", encoder.stack(),
            encoder.position_biases(0), half->plan, copy_of(queue, half->x), tolerance);
  }

  MicroStep step(queue, model, options, batch, MicroStep::Passes::all);
  step.forward();
  Encoder::State const& state = step.encoder_state();
  for (std::size_t p = 0; p < passes.size(); ++p) {
    if (passes[p].masked) continue;
    bool const joint = passes[p].modalities.size() > 1;
    Encoder::Half const& half = passes[p].gradient ? state.with_gradient : state.without_gradient;
    for (Modality m : passes[p].modalities) {
      std::string const name = config.modalities[m.index()].name;
      // Of a modality that is no teacher the official code calls them just that.
      for (std::string const& role : {std::string("teacher_"), std::string()})
        compare_pass(queue, reference,
                     fmt::format("outputs/calls/{}{}{}_features", role,
                                 joint ? joint_name(config) + "_" : "", name),
                     half.features, half.plan.pack(), static_cast<int>(p), m, tolerance);
    }
  }
  for (std::size_t m = 0; m < config.modalities.size(); ++m)
    reference.compare(queue, "outputs/calls/" + config.modalities[m].name + "_logits",
                      step.embeddings(Modality(m)), tolerance);

  Decoder const& decoder = *model.decoder();
  Decoder::State decoded = decoder.plan(queue, batch, passes, state.with_gradient.plan.pack(),
                                        config.loss.denoising_pool);
  if (reference.file().exists("outputs/trace"))
    trace(queue, reference, config, passes, "decoder", decoder.stack(), {}, decoded.plan,
          decoder.assemble(queue, state.with_gradient.features, decoded), tolerance);
  decoder.forward(queue, state.with_gradient.features, decoded, Recompute::none);
  Pack const& pack = decoded.plan.pack();
  for (RowGroup const& group : pack.groups) {
    std::vector<std::int32_t> rows;
    for (Index row = group.row; row < group.row + group.length; ++row)
      rows.push_back(static_cast<std::int32_t>(row));
    Decoder::Student student{group.modality, Tensor::from_host(queue, rows), {}, {}};
    Tensor predicted(queue, model.dtype(), Shape{pack.rows, config.encoder.embed_dim});
    zero(queue, predicted);
    copy(queue, decoder.predict(queue, decoded, student),
         predicted.view().rows(group.row, group.length));
    for (std::size_t p = 0; p < passes.size(); ++p) {
      if (!passes[p].masked) continue;
      auto const& members = passes[p].modalities;
      if (std::find(members.begin(), members.end(), group.modality) == members.end()) continue;
      compare_pass(queue, reference,
                   fmt::format("outputs/calls/student_{}{}_features",
                               members.size() > 1 ? joint_name(config) + "_" : "",
                               config.modalities[group.modality.index()].name),
                   predicted, pack, static_cast<int>(p), group.modality, tolerance);
    }
  }
}

}  // namespace

void verify_model(Queue& queue, Reference& reference) {
  Index const samples = reference.shape("inputs/src_tokens")[0];
  ModelConfig const config = reference_model_config(reference, samples);
  SelfCommunicator self;
  Model model(queue, config, reference.dtype(), self, Model::whole(config));
  ParameterStore& store = model.parameters();
  load_reference_weights(queue, reference, store);
  StepOptions const options{.global_batch = samples, .contrast_gradient = ContrastGradient::anchor};
  std::vector<MicroBatch> batches;
  batches.push_back(reference_batch(reference, config));
  verify_activations(queue, reference, model, options, batches.front());

  parallel::MeshGroups groups;
  parallel::TrainStep step(queue, model, groups, options);
  StepFigures const figures = step.run(batches);
  Tolerance const loss = tolerance_of(Quantity::loss, reference.dtype());
  reference.compare("outputs/loss", {total_loss(config, figures.terms)}, loss);
  for (std::size_t o = 0; o < figures.terms.size(); ++o)
    reference.compare("outputs/terms/" + official_term(config.objectives[o], config),
                      {figures.terms[o]}, loss);
  Modality const a = config.objectives[0].student[0], b = config.objectives[0].teacher[0];
  reference.compare("outputs/terms/" + official_count(config, a, b), {figures.correct[0]}, {});
  reference.compare("outputs/terms/" + official_count(config, b, a), {figures.correct[1]}, {});
  reference.compare("outputs/calls/logit_scale_exp", {figures.scalars.front()},
                    tolerance_of(Quantity::model_output, reference.dtype()));

  double const global = reference.values("grads/global_norm").front();
  Tolerance tolerance = tolerance_of(Quantity::model_gradient, reference.dtype());
  if (reference.dtype() == DType::float32) tolerance.norm_floor = 1e-6 * global;
  double squares = 0;
  for (int id = 0; id < store.count(); ++id) {
    View const gradient = store.gradient(id);
    std::string const dataset = "grads/param/" + store.spec(id).name;
    reference.expect(dataset + " exists where a gradient does",
                     static_cast<bool>(gradient) == reference.file().exists(dataset));
    if (!gradient) continue;
    std::vector<double> const values = as_doubles(queue, gradient);
    for (double v : values) squares += v * v;
    reference.compare(dataset, values, tolerance);
  }
  reference.compare("grads/global_norm", {std::sqrt(squares)}, tolerance);
}

}  // namespace accord::app
