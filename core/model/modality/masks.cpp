#include "core/model/modality/masks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/base/require.hpp"
#include "core/model/modality/adapter.hpp"

namespace accord {
namespace {

constexpr std::uint32_t kDrawsPerSegment = 1u << 16;
constexpr std::uint32_t kDrawsOfOwnMask =
    1u << 20;  // of a modality that has no masked pass of its own

/// Ranges over the numbers of one mask in the order they are used.
class DrawSequence {
 public:
  explicit DrawSequence(MaskDraws const& source) : source_(source), next_(source.first) {}
  Index below(Index bound) {
    return source_.draws.below(static_cast<std::uint32_t>(bound), source_.position, source_.stream,
                               next_++);
  }

 private:
  MaskDraws source_;
  std::uint32_t next_;
};

/// Moves `count` of the candidates, chosen uniformly without replacement, to the front: a partial
/// Fisher-Yates shuffle.
void choose(std::vector<Index>& candidates, Index count, DrawSequence& draws) {
  Index const n = static_cast<Index>(candidates.size());
  for (Index i = 0; i < count; ++i)
    std::swap(candidates[static_cast<std::size_t>(i)],
              candidates[static_cast<std::size_t>(i + draws.below(n - i))]);
}

/// Sets to `value` `count` uniformly chosen ones of the flags that differ from it. The smaller part
/// is drawn, whether it is those to set or those to leave.
void set_some(MaskFlags& flags, std::uint8_t value, Index count, DrawSequence& draws) {
  std::vector<Index> candidates;
  for (std::size_t i = 0; i < flags.size(); ++i)
    if (flags[i] != value) candidates.push_back(static_cast<Index>(i));
  Index const left = static_cast<Index>(candidates.size()) - count;
  choose(candidates, std::min(count, left), draws);
  auto const begin = candidates.begin() + (count <= left ? 0 : left);
  for (auto i = begin; i != begin + count; ++i) flags[static_cast<std::size_t>(*i)] = value;
}

Index floor_share(double ratio, Index count) {
  return static_cast<Index>(std::floor(ratio * static_cast<double>(count)));
}

Index hidden(std::span<std::uint8_t const> flags) {
  return std::accumulate(flags.begin(), flags.end(), Index{0});
}

/// \throws UsageError for a pass that masks nothing: its denoising term would be 0 in every step.
void expect_masked_tokens(ModelConfig const& config, Pass const& pass) {
  char const* const key = pass.modalities.size() == 1 ? "mask_ratio" : "joint_mask_ratio";
  std::string keys;
  for (Modality const m : pass.modalities) {
    ModalityConfig const& modality = config.modalities[m.index()];
    if ((pass.modalities.size() == 1 ? modality.mask_ratio : modality.joint_mask_ratio) > 0) return;
    keys += fmt::format("{}modality.{}.{}", keys.empty() ? "" : " and ", modality.name, key);
  }
  throw UsageError(
      fmt::format("{} = 0: a denoising objective reads this pass and no token of it would be "
                  "masked; set a share above 0 or take the objective out",
                  keys));
}

/// Sets or clears uniformly chosen flags until exactly `total` are set.
void adjust(MaskFlags& flags, Index total, DrawSequence& draws) {
  Index const missing = total - hidden(flags);
  set_some(flags, missing > 0 ? 1 : 0, std::abs(missing), draws);
}

}  // namespace

char const* name_of(MaskKind kind) {
  switch (kind) {
    case MaskKind::whole_word:
      return "whole_word";
    case MaskKind::uniform:
      return "uniform";
    case MaskKind::block:
      return "block";
  }
  return "";
}

MaskFlags whole_word_mask(std::span<std::uint8_t const> word_start, double ratio,
                          MaskDraws const& source) {
  std::vector<Index> starts;
  for (std::size_t i = 0; i < word_start.size(); ++i)
    if (word_start[i]) starts.push_back(static_cast<Index>(i));
  Index const words = static_cast<Index>(starts.size());
  Index const count = static_cast<Index>(std::ceil(ratio * static_cast<double>(words)));
  DrawSequence draws(source);
  choose(starts, count, draws);
  MaskFlags flags(word_start.size(), 0);
  for (Index i = 0; i < count; ++i) {
    std::size_t row = static_cast<std::size_t>(starts[static_cast<std::size_t>(i)]);
    do flags[row++] = 1;
    while (row < flags.size() && !word_start[row]);
  }
  return flags;
}

MaskFlags uniform_mask(Index count, double ratio, MaskDraws const& source) {
  DrawSequence draws(source);
  MaskFlags flags(static_cast<std::size_t>(count), 0);
  adjust(flags, floor_share(ratio, count), draws);
  return flags;
}

MaskFlags joint_mask(std::span<std::uint8_t const> own, double ratio, MaskDraws const& source) {
  DrawSequence draws(source);
  MaskFlags flags(own.size());
  std::transform(own.begin(), own.end(), flags.begin(),
                 [](std::uint8_t flag) { return static_cast<std::uint8_t>(1 - flag); });
  adjust(flags, floor_share(ratio, static_cast<Index>(own.size())), draws);
  return flags;
}

MaskFlags block_mask(Index count, double ratio, MaskDraws const& source) {
  constexpr Index kSpan = 5;
  DrawSequence draws(source);
  MaskFlags flags(static_cast<std::size_t>(count), 0);
  // This order of the product decides the floor where it is close (docs/model.md 3.5).
  Index const blocks = static_cast<Index>(
      std::floor(static_cast<double>(count) * ((ratio + 0.1) / static_cast<double>(kSpan))));
  for (Index i = 0; i < blocks; ++i) {
    Index const centre = draws.below(count);
    Index const begin = std::max<Index>(centre - kSpan / 2, 0);
    Index const end = std::min<Index>(centre + kSpan / 2 + 1, count);
    std::fill(flags.begin() + begin, flags.begin() + end, std::uint8_t{1});
  }
  adjust(flags, floor_share(ratio, count), draws);
  return flags;
}

MaskSampler::Rule MaskSampler::rule_of(ModalityConfig const& config) {
  bool const words = reads_text(config);
  require(words || config.mask != MaskKind::whole_word,
          "modality.{}.mask = \"whole_word\" needs words", config.name);
  Rule rule;
  rule.kind = config.mask;
  for (auto const& [key, ratio] :
       {std::pair("mask_ratio", config.mask_ratio), {"joint_mask_ratio", config.joint_mask_ratio}})
    require(ratio >= 0 && ratio <= 1, "modality.{}.{} = {}: expected a share between 0 and 1",
            config.name, key, ratio);
  rule.ratio = config.mask_ratio;
  rule.joint_ratio = config.joint_mask_ratio;
  rule.complement = config.joint_mask == JointMask::complement;
  rule.end_mark = words;
  return rule;
}

MaskSampler::MaskSampler(ModelConfig const& config, std::uint32_t seed)
    : passes_(resolve_passes(config)), draws_(seed, Purpose::mask) {
  for (ModalityConfig const& modality : config.modalities) rules_.push_back(rule_of(modality));
  for (Pass const& pass : passes_)
    if (pass.masked) expect_masked_tokens(config, pass);
  for (std::size_t p = 0; p < passes_.size(); ++p)
    if (passes_[p].masked && passes_[p].modalities.size() == 1)
      rules_[passes_[p].modalities[0].index()].own_pass = static_cast<int>(p);
}

MaskFlags MaskSampler::own_mask(Rule const& rule, double ratio, MaskItem const& item,
                                MaskDraws const& draws) {
  switch (rule.kind) {
    case MaskKind::whole_word:
      return whole_word_mask(item.word_start, ratio, draws);
    case MaskKind::uniform:
      return uniform_mask(item.count, ratio, draws);
    case MaskKind::block:
      return block_mask(item.count, ratio, draws);
  }
  return {};
}

MaskFlags MaskSampler::sample(std::uint64_t position, int pass, int segment,
                              MaskItem const& item) const {
  std::vector<Modality> const& modalities = passes_[static_cast<std::size_t>(pass)].modalities;
  Rule const& rule = rules_[modalities[static_cast<std::size_t>(segment)].index()];
  MaskDraws const here{draws_, position, stream_of(pass),
                       static_cast<std::uint32_t>(segment) * kDrawsPerSegment};
  if (modalities.size() == 1) return own_mask(rule, rule.ratio, item, here);
  if (!rule.complement) return own_mask(rule, rule.joint_ratio, item, here);
  MaskDraws const alone =
      rule.own_pass >= 0 ? MaskDraws{draws_, position, stream_of(rule.own_pass), 0}
                         : MaskDraws{draws_, position, here.stream, kDrawsOfOwnMask + here.first};
  return joint_mask(own_mask(rule, rule.ratio, item, alone), rule.joint_ratio, here);
}

void MaskSampler::append(std::uint64_t position, std::span<MaskItem const> items,
                         std::vector<std::vector<TokenMask>>& masks) const {
  masks.resize(passes_.size());
  for (std::size_t p = 0; p < passes_.size(); ++p) {
    if (!passes_[p].masked) continue;
    masks[p].resize(passes_[p].modalities.size());
    for (std::size_t s = 0; s < masks[p].size(); ++s) {
      std::size_t const modality = passes_[p].modalities[s].index();
      MaskFlags const flags =
          sample(position, static_cast<int>(p), static_cast<int>(s), items[modality]);
      TokenMask& mask = masks[p][s];
      mask.masked.push_back(0);
      mask.masked.insert(mask.masked.end(), flags.begin(), flags.end());
      if (rules_[modality].end_mark) mask.masked.push_back(0);
      mask.offsets.push_back(static_cast<Index>(mask.masked.size()));
    }
  }
}

}  // namespace accord
