#include "core/model/modality/masks.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "core/base/error.hpp"

using namespace accord;
using ::testing::ElementsAre;

namespace {

constexpr int kDraws = 3000;
constexpr std::uint32_t kSeed = 20230571;

MaskDraws at(std::uint64_t position, std::uint32_t stream = 0) {
  return {Draws(kSeed, Purpose::mask), position, stream, 0};
}

Index hidden(std::span<std::uint8_t const> flags) {
  return std::accumulate(flags.begin(), flags.end(), Index{0});
}

/// Share of kDraws masks that hide each token.
template <class Sampler>
std::vector<double> shares(Index count, Sampler&& sampler) {
  std::vector<double> share(static_cast<std::size_t>(count));
  for (std::uint64_t p = 0; p < kDraws; ++p) {
    MaskFlags const flags = sampler(p);
    for (std::size_t i = 0; i < share.size(); ++i) share[i] += flags[i] / double{kDraws};
  }
  return share;
}

/// Within four standard errors of a share measured over `draws` draws (0: known exactly).
void expect_share(double measured, double expected, double draws, std::size_t token) {
  double const sigma =
      std::sqrt(expected * (1 - expected) * (1. / kDraws + (draws > 0 ? 1. / draws : 0)));
  EXPECT_NEAR(measured, expected, 4 * sigma + 1e-12) << "token " << token;
}

Index runs(MaskFlags const& flags) {
  Index n = 0;
  for (std::size_t i = 0; i < flags.size(); ++i) n += flags[i] && (i == 0 || !flags[i - 1]);
  return n;
}

/// "a small brown dog jumping over an unbelievably picturesque hedgerow near ...": 13 words in 19
/// rows.
std::vector<std::uint8_t> const kWordStart = {1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
                                              1, 0, 0, 1, 1, 0, 0, 0, 1};

ModelConfig stage_one() {
  ModelConfig config;
  config.modalities.resize(2);
  config.modalities[0].name = "text";
  config.modalities[0].adapter = "token";
  config.modalities[0].mask = MaskKind::whole_word;
  config.modalities[0].mask_ratio = 0.15;
  config.modalities[0].joint_mask_ratio = 0.4;
  config.modalities[1].name = "image";
  config.modalities[1].adapter = "patch";
  config.modalities[1].mask_ratio = 0.75;
  config.modalities[1].joint_mask_ratio = 0.6875;
  config.objectives = {{"itc", "contrast", 1, {0}, {1}, 0},
                       {"text", "denoise", 1, {0}, {0}, 0},
                       {"image", "denoise", 1, {1}, {1}, 1},
                       {"joint", "denoise", 1, {0, 1}, {0, 1}, 0}};
  return config;
}

}  // namespace

TEST(WholeWordMask, HidesTheRoundedUpShareOfWordsWhole) {
  for (std::uint64_t p = 0; p < kDraws; ++p) {
    MaskFlags const flags = whole_word_mask(kWordStart, 0.15, at(p));
    Index words = 0;
    for (std::size_t i = 0; i < flags.size(); ++i) {
      if (kWordStart[i])
        words += flags[i];
      else
        EXPECT_EQ(flags[i], flags[i - 1]) << "a word was cut at row " << i;
    }
    EXPECT_EQ(words, 2);  // ceil(0.15 x 13)
  }
}

TEST(WholeWordMask, HidesEveryWordEquallyOften) {
  auto const share = shares(19, [](auto p) { return whole_word_mask(kWordStart, 0.15, at(p)); });
  for (std::size_t i = 0; i < share.size(); ++i) expect_share(share[i], 2. / 13, 0, i);
}

TEST(WholeWordMask, LeavesRowsBeforeTheFirstWordVisible) {
  EXPECT_THAT(whole_word_mask(std::vector<std::uint8_t>{0, 0, 1, 0}, 0.1, at(1)),
              ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(whole_word_mask(std::vector<std::uint8_t>{0, 0}, 0.5, at(1)), ElementsAre(0, 0));
  EXPECT_TRUE(whole_word_mask({}, 0.5, at(1)).empty());
}

TEST(UniformMask, HidesExactlyTheRoundedDownShareOfEveryCount) {
  for (auto [count, expected] : {std::pair<Index, Index>{256, 192}, {16, 12}, {25, 18}}) {
    auto const share = shares(count, [&, count = count, expected = expected](auto p) {
      MaskFlags flags = uniform_mask(count, 0.75, at(p));
      EXPECT_EQ(hidden(flags), expected);
      return flags;
    });
    for (std::size_t i = 0; i < share.size(); ++i)
      expect_share(share[i], static_cast<double>(expected) / static_cast<double>(count), 0, i);
  }
}

TEST(JointMask, OfTextAvoidsWhatTheTextMaskHides) {
  auto const share = shares(19, [](auto p) {
    MaskFlags const own = whole_word_mask(kWordStart, 0.15, at(p));
    MaskFlags flags = joint_mask(own, 0.4, at(p, 1));
    EXPECT_EQ(hidden(flags), 7);  // floor(0.4 x 19)
    for (std::size_t i = 0; i < flags.size(); ++i) EXPECT_FALSE(own[i] && flags[i]);
    return flags;
  });
  // official sampler: between 0.349 and 0.391 over 3000 draws, around 7/19
  for (std::size_t i = 0; i < share.size(); ++i) expect_share(share[i], 7. / 19, 3000, i);
}

TEST(JointMask, OfTextTurnsToHiddenRowsOnlyWhenTheOthersDoNotSuffice) {
  std::vector<std::uint8_t> const own = {1, 1, 1, 0, 1};
  int others[5] = {};
  for (std::uint64_t p = 0; p < 200; ++p) {
    MaskFlags const flags = joint_mask(own, 0.4, at(p));
    EXPECT_EQ(hidden(flags), 2);
    EXPECT_TRUE(flags[3]);
    for (std::size_t i = 0; i < 5; ++i) others[i] += flags[i];
  }
  for (std::size_t i : {0, 1, 2, 4}) EXPECT_GT(others[i], 20);
  EXPECT_EQ(hidden(joint_mask(std::vector<std::uint8_t>{1, 0}, 0.4, at(0))), 0);  // two rows: none
}

TEST(JointMask, OfAnImageHidesEveryPatchThatTheImagePassSaw) {
  auto const share = shares(256, [](auto p) {
    MaskFlags const own = uniform_mask(256, 0.75, at(p));
    MaskFlags flags = joint_mask(own, 0.6875, at(p, 1));
    EXPECT_EQ(hidden(flags), 176);
    for (std::size_t i = 0; i < flags.size(); ++i) EXPECT_TRUE(own[i] || flags[i]);
    return flags;
  });
  for (std::size_t i = 0; i < share.size(); ++i) expect_share(share[i], 0.6875, 0, i);
}

// Official sampler, 49 frames, ratio 0.55, 3000 draws.
TEST(BlockMask, HasTheStatisticsOfTheOfficialSampler) {
  double number_of_runs = 0;
  auto const share = shares(49, [&](auto p) {
    MaskFlags flags = block_mask(49, 0.55, at(p));
    EXPECT_EQ(hidden(flags), 26);
    number_of_runs += static_cast<double>(runs(flags)) / kDraws;
    return flags;
  });
  double const first[] = {0.37933333, 0.46433333, 0.52933333, 0.528, 0.53566667, 0.531};
  for (std::size_t i = 0; i < 6; ++i) expect_share(share[i], first[i], 3000, i);
  EXPECT_NEAR(number_of_runs, 5.80733, 4 * 1.61066 * std::sqrt(2. / 3000));
}

TEST(BlockMask, HidesExactlyTheRoundedDownShare) {
  for (std::uint64_t p = 0; p < 200; ++p) {
    EXPECT_EQ(hidden(block_mask(749, 0.55, at(p))), 411);
    EXPECT_EQ(hidden(block_mask(749, 0.45, at(p))), 337);
  }
}

TEST(MaskSampler, GivesOneMaskPerSegmentOfEachMaskedPass) {
  MaskSampler const sampler(stage_one(), kSeed);
  std::vector<MaskItem> const items = {{19, kWordStart}, {16, {}}};
  std::vector<std::vector<TokenMask>> masks;
  sampler.append(7, items, masks);
  sampler.append(8, items, masks);
  ASSERT_EQ(masks.size(), 6u);
  for (std::size_t p : {0u, 1u, 2u}) EXPECT_TRUE(masks[p].empty());
  ASSERT_EQ(masks[5].size(), 2u);
  EXPECT_THAT(masks[3][0].offsets, ElementsAre(0, 21, 42));  // class token, 19 rows, end mark
  EXPECT_THAT(masks[5][1].offsets, ElementsAre(0, 17, 34));
  for (TokenMask const* mask : {&masks[3][0], &masks[5][0]})
    for (std::size_t i : {0u, 20u, 21u, 41u}) EXPECT_EQ(mask->masked[i], 0);
  EXPECT_EQ(hidden(masks[4][0].masked), 2 * 12);
  EXPECT_EQ(hidden(masks[5][1].masked), 2 * 11);
}

TEST(MaskSampler, ComplementsTheMasksOfTheUnimodalPassesAtTheSamePosition) {
  MaskSampler const sampler(stage_one(), kSeed);
  std::vector<MaskItem> const items = {{19, kWordStart}, {16, {}}};
  for (std::uint64_t p = 0; p < 100; ++p) {
    std::vector<std::vector<TokenMask>> masks;
    sampler.append(p, items, masks);
    for (std::size_t i = 1; i < 20; ++i)
      EXPECT_FALSE(masks[3][0].masked[i] && masks[5][0].masked[i]);
    for (std::size_t i = 1; i < 17; ++i)
      EXPECT_TRUE(masks[4][0].masked[i] || masks[5][1].masked[i]);
  }
}

TEST(MaskSampler, DrawsTheMissingMaskWhereNoUnimodalPassIsMasked) {
  ModelConfig config = stage_one();
  config.objectives = {config.objectives[3]};
  MaskSampler const sampler(config, kSeed);
  auto const share = shares(16, [&](auto p) { return sampler.sample(p, 1, 1, MaskItem{16, {}}); });
  for (std::size_t i = 0; i < share.size(); ++i) expect_share(share[i], 11. / 16, 0, i);
}

TEST(MaskSampler, DrawsAnIndependentMaskWithTheJointShareWhereToldTo) {
  ModelConfig config = stage_one();
  config.modalities[0].joint_mask = JointMask::independent;
  MaskSampler const sampler(config, kSeed);
  MaskItem const item{19, kWordStart};
  auto const whole_words = [&](std::uint64_t p) {
    return whole_word_mask(kWordStart, 0.4, {Draws(kSeed, Purpose::mask), p, stream_of(5), 0});
  };
  for (std::uint64_t p = 0; p < 20; ++p) EXPECT_EQ(sampler.sample(p, 5, 0, item), whole_words(p));
}

// Two modalities of as many tokens in one pass: each has draws of its own.
TEST(MaskSampler, DrawsTheSegmentsOfAPassApart) {
  ModelConfig config = stage_one();
  for (ModalityConfig& modality : config.modalities) {
    modality.mask = MaskKind::uniform;
    modality.joint_mask = JointMask::independent;
    modality.joint_mask_ratio = 0.5;
  }
  MaskSampler const sampler(config, kSeed);
  int equal = 0;
  for (std::uint64_t p = 0; p < 20; ++p)
    equal += sampler.sample(p, 5, 0, MaskItem{16, {}}) == sampler.sample(p, 5, 1, MaskItem{16, {}});
  EXPECT_LE(equal, 1);  // of 12870 masks
}

TEST(MaskSampler, DependsOnSeedPositionAndPass) {
  std::vector<MaskItem> const items = {{19, kWordStart}, {256, {}}};
  MaskSampler const sampler(stage_one(), kSeed);
  MaskFlags const base = sampler.sample(3, 4, 0, items[1]);
  EXPECT_EQ(base, sampler.sample(3, 4, 0, items[1]));
  EXPECT_NE(base, sampler.sample(4, 4, 0, items[1]));
  EXPECT_NE(base, sampler.sample(3 + (1ull << 32), 4, 0, items[1]));
  EXPECT_NE(base, MaskSampler(stage_one(), kSeed + 1).sample(3, 4, 0, items[1]));
}

TEST(MaskSampler, RefusesAMaskOfWordsWhereThereAreNoneAndAShareAboveOne) {
  ModelConfig config = stage_one();
  config.modalities[1].mask = MaskKind::whole_word;  // an image has no words
  EXPECT_THROW(MaskSampler(config, 1), UsageError);
  config = stage_one();
  config.modalities[0].joint_mask_ratio = 1.5;
  EXPECT_THROW(MaskSampler(config, 1), UsageError);
}

TEST(MaskSampler, RefusesAPassThatMasksNothing) {
  ModelConfig config = stage_one();
  config.modalities[1].mask_ratio = 0;
  EXPECT_THROW(MaskSampler(config, 1), UsageError);
  config = stage_one();
  config.modalities[0].joint_mask_ratio = 0;
  EXPECT_NO_THROW(MaskSampler(config, 1));  // the image's tokens are masked still
  config.modalities[1].joint_mask_ratio = 0;
  EXPECT_THROW(MaskSampler(config, 1), UsageError);
  config = stage_one();
  config.objectives.resize(1);  // the contrast masks nothing
  config.modalities[1].mask_ratio = 0;
  EXPECT_NO_THROW(MaskSampler(config, 1));
}
