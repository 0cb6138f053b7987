#include "app/bench/synthetic_batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/error.hpp"
#include "core/model/modality/adapter.hpp"
#include "core/model/modality/masks.hpp"

namespace accord::app {
namespace {

template <class T>
void append(ModalityInput& input, std::vector<T> const& item) {
  std::size_t const begin = input.data.size();
  input.data.resize(begin + item.size() * sizeof(T));
  std::memcpy(input.data.data() + begin, item.data(), item.size() * sizeof(T));
  input.offsets.push_back(input.offsets.back() + static_cast<Index>(item.size()));
}

Index caption_length(CaptionLengths const& captions, Index longest, Draws const& draws,
                     std::uint64_t position) {
  Index const shortest = captions.shortest;
  if (shortest == 0) return longest;
  if (captions.mean <= static_cast<double>(shortest))
    return shortest +
           draws.below(static_cast<std::uint32_t>(longest - shortest + 1), position, 2, 0);
  double const u = 1 - draws.uniform(position, 2, 0);  // (0, 1]
  double const beyond = -std::log(u) * (captions.mean - static_cast<double>(shortest)) + 0.5;
  return std::min(longest, shortest + static_cast<Index>(beyond));
}

/// What items of numbers consist of, samples or frames, and between how many.
struct SignalLengths {
  Index unit_elements, least, most;
};

SignalLengths signal_lengths(ModalityConfig const& modality, ItemKind items) {
  if (items == ItemKind::array) return {frame_elements(modality), 1, modality.max_frames};
  auto const samples = [&](double seconds) {
    return static_cast<Index>(seconds * static_cast<double>(modality.sample_rate));
  };
  return {1, samples(modality.min_seconds), samples(modality.max_seconds)};
}

}  // namespace

MicroBatch synthetic_batch(ModelConfig const& config, std::uint32_t seed, std::uint64_t first,
                           Index count, CaptionLengths const& captions) {
  Draws const draws(seed, Purpose::item);
  MaskSampler const sampler(config, seed);
  MicroBatch batch;
  batch.inputs.resize(config.modalities.size());
  batch.lengths.resize(config.modalities.size());
  for (std::uint64_t p = first; p < first + static_cast<std::uint64_t>(count); ++p) {
    batch.positions.push_back(p);
    batch.keys.push_back("synthetic-" + std::to_string(p));
    std::vector<MaskItem> items;
    std::vector<std::vector<std::uint8_t>> starts(config.modalities.size());
    for (std::size_t m = 0; m < config.modalities.size(); ++m) {
      ModalityConfig const& modality = config.modalities[m];
      AdapterFamily const& family = adapter_family(modality.adapter);
      InputSpec const spec = family.input(modality);
      auto word = [&](std::uint32_t stream, Index i) {
        return draws.word(p, stream + 16u * static_cast<std::uint32_t>(m),
                          static_cast<std::uint32_t>(i));
      };
      ModalityInput& input = batch.inputs[m];
      input.dtype = spec.dtype;
      Index elements = spec.item_size;
      if (family.items == ItemKind::caption) {
        Index const n = caption_length(captions, modality.max_tokens, draws, p);
        std::vector<std::int32_t> rows;
        for (Index i = 0; i < n; ++i) {
          auto const range = static_cast<std::uint32_t>(modality.vocabulary - 4);
          rows.push_back(static_cast<std::int32_t>(4 + (std::uint64_t{word(3, i)} * range >> 32)));
          starts[m].push_back(i == 0 || word(4, i) % 3 == 0);
        }
        rows.push_back(2);
        elements = n + 1;
        append(input, rows);
        items.push_back({n, starts[m]});
      } else if (family.items == ItemKind::picture) {
        std::vector<std::uint8_t> pixels;
        for (Index i = 0; i < elements; ++i)
          pixels.push_back(static_cast<std::uint8_t>(word(5, i) >> 24));
        append(input, pixels);
        items.push_back({family.tokens(modality, elements) - 1, {}});
      } else {
        auto const [unit, least, most] = signal_lengths(modality, family.items);
        Index const units =
            captions.shortest > 0
                ? least + draws.below(static_cast<std::uint32_t>(most - least + 1), p, 6, 0)
                : most;
        elements = units * unit;
        std::vector<float> samples;
        for (Index i = 0; i < elements; ++i)
          samples.push_back(static_cast<float>(word(7, i) >> 8) * 0x1p-23f - 1);
        append(input, samples);
        items.push_back({family.tokens(modality, elements) - 1, {}});
      }
      batch.lengths[m].push_back(family.tokens(modality, elements));
    }
    sampler.append(p, items, batch.masks);
  }
  return batch;
}

}  // namespace accord::app
