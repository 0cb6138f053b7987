#include "core/model/flops.hpp"

#include <algorithm>

#include "core/model/modality/adapter.hpp"
#include "core/model/parameter_names.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {
namespace {

double real(Index n) { return static_cast<double>(n); }

template <class Items>
typename Items::value_type const& at(Items const& items, int i) {
  return items[static_cast<std::size_t>(i)];
}

/// How often the products of a part are computed: forward, and where a gradient comes back for that
/// of the input and, if it trains, of the weights.
double ways(ModelConfig const& config, std::initializer_list<std::string> part, bool gradient) {
  return !gradient ? 1 : begins_with_one_of(official::prefix(part), config.frozen) ? 2 : 3;
}

/// The layers of a stack, by what their operations are proportional to.
struct StackFlops {
  double pair = 0;                  ///< of tokens of a sequence: attention
  double token = 0;                 ///< q, k, v and output projections
  std::vector<double> of_modality;  ///< of a token: three FFN matrices
};

StackFlops stack_flops(ModelConfig const& config, StackConfig const& stack, char const* wrapper,
                       bool gradient) {
  double const d = real(stack.embed_dim), f = real(stack.ffn_dim);
  StackFlops flops{.of_modality = std::vector<double>(config.modalities.size())};
  for (Index l = 0; l < stack.layers; ++l) {
    auto const layer_ways = [&](std::string const& part) {
      return ways(config, {wrapper, official::fusion_model, official::layer(l), part}, gradient);
    };
    flops.pair += (gradient ? 3 : 1) * 4 * d;
    flops.token += layer_ways(official::attention) * 8 * d * d;
    for (std::size_t m = 0; m < config.modalities.size(); ++m)
      flops.of_modality[m] += layer_ways(official::ffn(config.modalities[m].name)) * 6 * d * f;
  }
  return flops;
}

/// One sequence: so many tokens of each modality.
double sequence_flops(StackFlops const& stack, std::vector<Modality> const& modalities,
                      std::vector<Index> const& tokens) {
  double flops = 0, all = 0;
  for (std::size_t k = 0; k < modalities.size(); ++k) {
    flops += real(tokens[k]) * (stack.token + at(stack.of_modality, modalities[k]));
    all += real(tokens[k]);
  }
  return flops + stack.pair * all * all;
}

class Counter {
 public:
  Counter(std::vector<Pass> const& passes, MicroBatch const& batch)
      : passes_(passes), batch_(batch) {}

  std::vector<Index> whole(int pass, Index sample) const {
    std::vector<Index> tokens;
    for (Modality const m : at(passes_, pass).modalities) tokens.push_back(length(m, sample));
    return tokens;
  }
  Index hidden(int pass, std::size_t segment, Index sample) const {
    TokenMask const& mask = at(batch_.masks, pass)[segment];
    auto const begin = mask.masked.begin() + mask.offsets[static_cast<std::size_t>(sample)];
    auto const end = mask.masked.begin() + mask.offsets[static_cast<std::size_t>(sample) + 1];
    return std::count(begin, end, std::uint8_t{1});
  }
  std::vector<Index> kept(int pass, Index sample) const {
    std::vector<Index> tokens = whole(pass, sample);
    if (at(passes_, pass).masked)
      for (std::size_t s = 0; s < tokens.size(); ++s) tokens[s] -= hidden(pass, s, sample);
    return tokens;
  }
  Index length(Modality m, Index sample) const {
    return at(batch_.lengths, m)[static_cast<std::size_t>(sample)];
  }

 private:
  std::vector<Pass> const& passes_;
  MicroBatch const& batch_;
};

}  // namespace

double model_flops(ModelConfig const& config, std::vector<Pass> const& passes,
                   MicroBatch const& batch, Index global_batch) {
  Counter const count(passes, batch);
  double const d = real(config.encoder.embed_dim), dd = real(config.decoder.embed_dim);
  auto const name = [&](Modality m) { return at(config.modalities, m).name; };
  auto const adapter_flops = [&](Modality m, Index tokens) {
    ModalityConfig const& modality = at(config.modalities, m);
    return adapter_family(modality.adapter).flops(modality, config.encoder.embed_dim, tokens);
  };
  // Nothing below a frozen adapter wants a gradient.
  auto const adapter_ways = [&](Modality m) {
    std::string const adapter = official::prefix({official::encoder, official::adapter(name(m))});
    return begins_with_one_of(adapter, config.frozen) ? 1 : 3;
  };
  StackFlops const decoder = stack_flops(config, config.decoder, official::decoder, true);
  double flops = 0;
  for (std::size_t p = 0; p < passes.size(); ++p) {
    int const pass = static_cast<int>(p);
    std::vector<Modality> const& modalities = passes[p].modalities;
    bool const gradient = passes[p].gradient;
    StackFlops const encoder = stack_flops(config, config.encoder, official::encoder, gradient);
    for (Index s = 0; s < batch.samples(); ++s) {
      std::vector<Index> const kept = count.kept(pass, s);
      flops += sequence_flops(encoder, modalities, kept);
      for (std::size_t k = 0; k < modalities.size(); ++k)
        flops += (gradient ? adapter_ways(modalities[k]) : 1) *
                 adapter_flops(modalities[k], count.length(modalities[k], s)).token *
                 real(kept[k] - 1);
      if (!passes[p].masked) continue;
      flops += sequence_flops(decoder, modalities, count.whole(pass, s));
      for (std::size_t k = 0; k < modalities.size(); ++k)  // encoder width to decoder width
        flops += ways(config, {official::decoder_embed(name(modalities[k]))}, true) * 2 *
                 real(kept[k]) * d * dd;
    }
    if (passes[p].contrasted)  // projection of the class token
      flops += ways(config, {official::projection(name(modalities.front()))}, gradient) * 2 *
               real(batch.samples()) * d * d;
  }
  for (std::size_t m = 0; m < config.modalities.size(); ++m) {
    auto const modality = static_cast<Modality>(m);
    int const times = adapter_ways(modality);
    for (Index const tokens : batch.lengths[m]) {
      AdapterFlops const forward = adapter_flops(modality, tokens);
      flops += times * forward.item + std::min(times, 2) * forward.input;
    }
  }

  for (ObjectiveConfig const& objective : config.objectives) {
    if (objective.kind == ObjectiveConfig::Kind::contrast) {
      // Two matrices of logits, and of each the gradients of the sides that want one.
      int computed = 1;
      for (Modality const m : {objective.student.front(), objective.teacher.front()})
        computed += at(passes, find_pass(passes, {m}, false)).gradient;
      flops += computed * 2 * 2 * real(batch.samples()) * real(global_batch) * d;
    } else if (objective.kind == ObjectiveConfig::Kind::denoise) {
      int const pass = find_pass(passes, objective.student, true);
      auto const& members = passes[static_cast<std::size_t>(pass)].modalities;
      auto const segment = static_cast<std::size_t>(
          std::find(members.begin(), members.end(), objective.modality) - members.begin());
      Index const pool = config.loss.denoising_pool;
      for (Index begin = 0; begin < batch.samples(); begin += pool) {
        double queries = 0, candidates = 0;
        for (Index s = begin; s < std::min(begin + pool, batch.samples()); ++s) {
          queries += real(count.hidden(pass, segment, s));
          candidates += real(count.length(objective.modality, s) - 1);
        }
        flops += ways(config, {official::mask_head(name(objective.modality))}, true) * 2 * queries *
                 dd * d;                            // of the masked tokens
        flops += 2 * 2 * queries * candidates * d;  // teachers take no gradient
      }
    } else {
      double const samples = real(batch.samples());
      flops += 3 * 2 * samples * 2 * d * (d + real(objective.classes));  // the head's two matrices
      if (objective.pooling == Pooling::attention)
        for (Index s = 0; s < batch.samples(); ++s)  // keys and values of the tokens, one output
          flops += 3 * 2 * d * d * (2 * real(count.length(objective.modality, s) - 1) + 1);
    }
  }
  return flops;
}

}  // namespace accord
