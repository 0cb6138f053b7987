#include "core/model/flops.hpp"

#include <algorithm>

#include "core/model/modality/adapter.hpp"

namespace accord {
namespace {

double real(Index n) { return static_cast<double>(n); }

/// One sequence of `tokens` through all layers, forward: q, k, v and output projections, three FFN
/// matrices, attention.
double stack_flops(StackConfig const& stack, Index tokens) {
  double const t = real(tokens), d = real(stack.embed_dim), f = real(stack.ffn_dim);
  return real(stack.layers) * (t * (8 * d * d + 6 * d * f) + 4 * t * t * d);
}

template <class Items>
typename Items::value_type const& at(Items const& items, int i) {
  return items[static_cast<std::size_t>(i)];
}

class Counter {
 public:
  Counter(std::vector<Pass> const& passes, MicroBatch const& batch)
      : passes_(passes), batch_(batch) {}

  Index whole(int pass, Index sample) const {
    Index tokens = 0;
    for (Modality const m : at(passes_, pass).modalities) tokens += length(m, sample);
    return tokens;
  }
  Index hidden(int pass, std::size_t segment, Index sample) const {
    TokenMask const& mask = at(batch_.masks, pass)[segment];
    auto const begin = mask.masked.begin() + mask.offsets[static_cast<std::size_t>(sample)];
    auto const end = mask.masked.begin() + mask.offsets[static_cast<std::size_t>(sample) + 1];
    return std::count(begin, end, std::uint8_t{1});
  }
  Index kept_of(int pass, std::size_t segment, Index sample) const {
    Index const tokens = length(at(passes_, pass).modalities[segment], sample);
    return at(passes_, pass).masked ? tokens - hidden(pass, segment, sample) : tokens;
  }
  Index kept(int pass, Index sample) const {
    Index tokens = 0;
    for (std::size_t s = 0; s < at(passes_, pass).modalities.size(); ++s)
      tokens += kept_of(pass, s, sample);
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
  auto const adapter_flops = [&](Modality m, Index tokens) {
    ModalityConfig const& modality = at(config.modalities, m);
    return adapter_family(modality.adapter).flops(modality, config.encoder.embed_dim, tokens);
  };
  double flops = 0;
  for (std::size_t p = 0; p < passes.size(); ++p) {
    int const pass = static_cast<int>(p);
    double const ways = passes[p].gradient ? 3 : 1;
    for (Index s = 0; s < batch.samples(); ++s) {
      flops += ways * stack_flops(config.encoder, count.kept(pass, s));
      for (std::size_t k = 0; k < passes[p].modalities.size(); ++k) {
        Modality const m = passes[p].modalities[k];
        flops +=
            ways * adapter_flops(m, count.length(m, s)).token * real(count.kept_of(pass, k, s) - 1);
      }
      if (!passes[p].masked) continue;
      flops += 3 * stack_flops(config.decoder, count.whole(pass, s));
      flops += 3 * 2 * real(count.kept(pass, s)) * d * dd;  // encoder width to decoder width
    }
    if (passes[p].contrasted)  // projection of the class token
      flops += 3 * 2 * real(batch.samples()) * d * d;
  }
  for (std::size_t m = 0; m < config.modalities.size(); ++m)
    for (Index const tokens : batch.lengths[m])
      flops += 3 * adapter_flops(static_cast<Modality>(m), tokens).item;

  for (ObjectiveConfig const& objective : config.objectives) {
    if (objective.kind == ObjectiveConfig::Kind::contrast) {
      // Two matrices of logits, and the gradients of both their sides.
      flops += 3 * 2 * 2 * real(batch.samples()) * real(global_batch) * d;
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
        flops += 3 * 2 * queries * dd * d;          // mask head of the masked tokens
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
