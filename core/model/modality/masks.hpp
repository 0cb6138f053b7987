#pragma once
// Which tokens of a sample the masked passes hide (docs/model.md 3.5). Pure functions of the draws:
// the same mask comes out on any rank, in any order and after a resume.

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/rng.hpp"
#include "core/model/batch.hpp"
#include "core/model/config.hpp"

namespace accord {

/// "uniform"
char const* name_of(MaskKind kind);

/// Where one mask takes its random numbers: its i-th draw is draws.word(position, stream, first +
/// i).
struct MaskDraws {
  Draws draws{0, Purpose::mask};
  std::uint64_t position = 0;
  std::uint32_t stream = 0;  ///< stream_of(pass)
  std::uint32_t first = 0;
};

/// One flag per maskable token, 1 = hidden. The class token and a text's end mark are not maskable
/// and not in here.
using MaskFlags = std::vector<std::uint8_t>;

/// Hides ceil(ratio * words) whole words, chosen uniformly: a word is a row with word_start set and
/// the rows up to the next one. Rows before the first start belong to no word and stay visible.
MaskFlags whole_word_mask(std::span<std::uint8_t const> word_start, double ratio,
                          MaskDraws const& draws);

/// Hides exactly floor(ratio * count) tokens, chosen uniformly.
MaskFlags uniform_mask(Index count, double ratio, MaskDraws const& draws);

/// Mask of a modality in a joint pass, complementing `own`, the mask it has alone: floor(ratio * n)
/// tokens, of which as many as possible were visible there. So text hides rows drawn from those
/// that `own` leaves visible (all of them, and some others, only if they are too few), and an image
/// hides every patch that `own` leaves visible and draws the rest.
MaskFlags joint_mask(std::span<std::uint8_t const> own, double ratio, MaskDraws const& draws);

/// Mask of audio frames: floor(count * (ratio + 0.1) / 5) blocks of 5 frames around centres drawn
/// with replacement, cut off at the ends; then single frames, drawn uniformly, are hidden or shown
/// until exactly floor(count * ratio) are hidden.
MaskFlags block_mask(Index count, double ratio, MaskDraws const& draws);

/// What the masks need to know of one item.
struct MaskItem {
  Index count = 0;                           ///< maskable tokens: rows before the end mark, patches
  std::span<std::uint8_t const> word_start;  ///< one flag per row; token modalities
};

/// Draws every mask of a sample for the passes of a model. The mask of segment s of pass p takes
/// its draws from stream_of(p), beginning at s << 16. In a joint pass a modality's mask is of its
/// own kind, or complements the mask that it has alone, in the masked unimodal pass; where the
/// objectives have no such pass, one is drawn for it in the joint pass's stream, beginning at (1 <<
/// 20) + (s << 16).
class MaskSampler {
 public:
  /// \throws UsageError if a modality without words has a mask of words, or one a ratio outside [0,
  /// 1], or if a masked pass would mask nothing.
  MaskSampler(ModelConfig const& config, std::uint32_t seed);

  /// Appends the masks of one sample to masks[pass][segment], which it shapes on first use: flags
  /// of the whole sequence, class token and end mark included. Unmasked passes stay empty. \param
  /// position keys the draws   \param items by Modality; only those of masked passes are read
  void append(std::uint64_t position, std::span<MaskItem const> items,
              std::vector<std::vector<TokenMask>>& masks) const;

  /// The flags of one segment of a masked pass, without class token and end mark.
  MaskFlags sample(std::uint64_t position, int pass, int segment, MaskItem const& item) const;

 private:
  struct Rule {
    MaskKind kind = MaskKind::uniform;
    double ratio = 0, joint_ratio = 0;
    bool complement = true;  ///< in a joint pass
    bool end_mark = false;   ///< the sequence ends with one more token, never masked
    int own_pass = -1;       ///< its masked unimodal pass
  };
  static Rule rule_of(ModalityConfig const& config);
  static MaskFlags own_mask(Rule const& rule, double ratio, MaskItem const& item,
                            MaskDraws const& draws);

  std::vector<Pass> passes_;
  std::vector<Rule> rules_;  // by Modality
  Draws draws_;
};

}  // namespace accord
