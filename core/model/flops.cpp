#include "core/model/flops.hpp"

#include <algorithm>

#include "core/model/objective.hpp"
#include "core/model/parameter_names.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {
namespace {

double real(Index n) { return static_cast<double>(n); }

/// The layers of a stack, by what their operations are proportional to.
struct StackFlops {
  double pair = 0;                  ///< of tokens of a sequence: attention
  double token = 0;                 ///< q, k, v and output projections
  std::vector<double> of_modality;  ///< of a token: three FFN matrices
};

StackFlops stack_flops(StepSizes const& sizes, StackConfig const& stack, char const* wrapper,
                       bool gradient) {
  std::vector<ModalityConfig> const& modalities = sizes.config().modalities;
  double const d = real(stack.embed_dim), f = real(stack.ffn_dim);
  StackFlops flops{.of_modality = std::vector<double>(modalities.size())};
  for (Index l = 0; l < stack.layers; ++l) {
    auto const layer_ways = [&](std::string const& part) {
      return sizes.ways({wrapper, official::fusion_model, official::layer(l), part}, gradient);
    };
    flops.pair += (gradient ? 3 : 1) * 4 * d;
    flops.token += layer_ways(official::attention) * 8 * d * d;
    for (std::size_t m = 0; m < modalities.size(); ++m)
      flops.of_modality[m] += layer_ways(official::ffn(modalities[m].name)) * 6 * d * f;
  }
  return flops;
}

/// One sequence: so many tokens of each modality.
double sequence_flops(StackFlops const& stack, std::vector<Modality> const& modalities,
                      std::vector<Index> const& tokens) {
  double flops = 0, all = 0;
  for (std::size_t k = 0; k < modalities.size(); ++k) {
    flops += real(tokens[k]) * (stack.token + stack.of_modality[modalities[k].index()]);
    all += real(tokens[k]);
  }
  return flops + stack.pair * all * all;
}

}  // namespace

double model_flops(ModelConfig const& config, std::vector<Pass> const& passes,
                   MicroBatch const& batch, Index global_batch) {
  StepSizes const sizes(config, passes, batch, global_batch);
  double const d = real(config.encoder.embed_dim), dd = real(config.decoder.embed_dim);
  auto const name = [&](Modality m) { return config.modalities[m.index()].name; };
  auto const adapter_flops = [&](Modality m, Index tokens) {
    ModalityConfig const& modality = config.modalities[m.index()];
    return adapter_family(modality.adapter).flops(modality, config.encoder.embed_dim, tokens);
  };
  // Nothing below a frozen adapter wants a gradient.
  auto const adapter_ways = [&](Modality m) {
    std::string const adapter = official::prefix({official::encoder, official::adapter(name(m))});
    return begins_with_one_of(adapter, config.frozen) ? 1 : 3;
  };
  StackFlops const decoder = stack_flops(sizes, config.decoder, official::decoder, true);
  double flops = 0;
  for (std::size_t p = 0; p < passes.size(); ++p) {
    int const pass = static_cast<int>(p);
    std::vector<Modality> const& modalities = passes[p].modalities;
    bool const gradient = passes[p].gradient;
    StackFlops const encoder = stack_flops(sizes, config.encoder, official::encoder, gradient);
    for (Index s = 0; s < batch.samples(); ++s) {
      std::vector<Index> const kept = sizes.kept(pass, s);
      flops += sequence_flops(encoder, modalities, kept);
      for (std::size_t k = 0; k < modalities.size(); ++k)
        flops += (gradient ? adapter_ways(modalities[k]) : 1) *
                 adapter_flops(modalities[k], sizes.length(modalities[k], s)).token *
                 real(kept[k] - 1);
      if (!passes[p].masked) continue;
      flops += sequence_flops(decoder, modalities, sizes.whole(pass, s));
      for (std::size_t k = 0; k < modalities.size(); ++k)  // encoder width to decoder width
        flops += sizes.ways({official::decoder_embed(name(modalities[k]))}, true) * 2 *
                 real(kept[k]) * d * dd;
    }
    if (passes[p].contrasted)  // projection of the class token
      flops += sizes.ways({official::projection(name(modalities.front()))}, gradient) * 2 *
               real(batch.samples()) * d * d;
  }
  for (std::size_t m = 0; m < config.modalities.size(); ++m) {
    auto const modality = Modality(m);
    int const times = adapter_ways(modality);
    for (Index const tokens : batch.lengths[m]) {
      AdapterFlops const forward = adapter_flops(modality, tokens);
      flops += times * forward.item + std::min(times, 2) * forward.input;
    }
  }

  for (ObjectiveConfig const& objective : config.objectives)
    flops += objective_family(objective.kind).flops(objective, sizes);
  return flops;
}

}  // namespace accord
