#include <fmt/format.h>

#include <numeric>
#include <random>

#include "tests/app/verify/reference_file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::testing {
namespace {

// Mask samplers written down once more, on the standard library's generator.

using Flags = std::vector<int>;

class MaskFiles : public TemporaryFolder, public ::testing::WithParamInterface<std::uint32_t> {
 protected:
  std::filesystem::path path_ = folder_ / "file.h5";

  // Sets or clears random flags until `count` are set.
  void adjust(Flags& flags, Index count) {
    auto const set = std::accumulate(flags.begin(), flags.end(), Index{0});
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < flags.size(); ++i)
      if (flags[i] == (set > count)) places.push_back(i);
    std::shuffle(places.begin(), places.end(), generator_);
    for (Index i = 0; i < std::abs(set - count); ++i) flags[places[i]] = set < count;
  }
  Flags words(std::vector<std::int64_t> const& starts, double share) {
    std::vector<std::size_t> first;
    for (std::size_t i = 0; i < starts.size(); ++i)
      if (starts[i]) first.push_back(i);
    std::shuffle(first.begin(), first.end(), generator_);
    first.resize(static_cast<std::size_t>(std::ceil(share * static_cast<double>(first.size()))));
    Flags flags(starts.size(), 0);
    for (std::size_t i : first) {
      flags[i] = 1;
      for (std::size_t j = i + 1; j < starts.size() && !starts[j]; ++j) flags[j] = 1;
    }
    return flags;
  }
  Flags complement(Flags flags, double share) {
    for (int& flag : flags) flag = !flag;
    adjust(flags, static_cast<Index>(share * static_cast<double>(flags.size())));
    return flags;
  }
  Flags blocks(Index frames, double share) {
    Flags flags(static_cast<std::size_t>(frames), 0);
    auto const count = static_cast<Index>(static_cast<double>(frames) * ((share + 0.1) / 5));
    for (Index k = 0; k < count; ++k) {
      auto const centre = static_cast<Index>(generator_() % static_cast<unsigned>(frames));
      for (Index i = std::max<Index>(0, centre - 2); i <= std::min(frames - 1, centre + 2); ++i)
        flags[i] = 1;
    }
    adjust(flags, static_cast<Index>(static_cast<double>(frames) * share));
    return flags;
  }

  struct Statistics {
    std::vector<double> probability;
    std::vector<std::int64_t> counts;
    void add(Flags const& flags, Index draws) {
      probability.resize(flags.size());
      counts.resize(flags.size() + 1);
      for (std::size_t i = 0; i < flags.size(); ++i)
        probability[i] += flags[i] / static_cast<double>(draws);
      ++counts[std::accumulate(flags.begin(), flags.end(), 0)];
    }
  };
  void write(ReferenceFile& file, std::string const& at, Statistics const& statistics,
             bool histogram) {
    auto const length = static_cast<Index>(statistics.probability.size());
    file.add(at + "mask_probability", {length}, statistics.probability);
    if (histogram) file.add_integers(at + "count_histogram", {length + 1}, statistics.counts);
  }

  std::mt19937 generator_{GetParam()};
};

TEST_P(MaskFiles, OfOtherSizesAndSeeds) {
  ReferenceFile file("mask_sampling_small", "{}");
  Index const draws = 700;
  auto number = [&](std::string const& group, char const* name, Index value) {
    file.attribute(group, name, std::int64_t{value});
  };

  std::vector<std::int64_t> const starts{1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1};
  Statistics text, joint_text, al_text;
  for (Index i = 0; i < draws; ++i) {
    Flags const own = words(starts, 0.15);
    text.add(own, draws);
    joint_text.add(complement(own, 0.4), draws);
    al_text.add(words(starts, 0.4), draws);
  }
  std::string group = "outputs/text_9";
  file.add_bytes(group + "/is_word_start", {static_cast<Index>(starts.size())}, starts);
  number(group, "draws", draws);
  write(file, group + "/text_", text, true);
  write(file, group + "/vl_text_", joint_text, true);
  write(file, group + "/al_text_", al_text, true);

  Index const patches = 36;
  Statistics image, joint_image;
  for (Index i = 0; i < draws; ++i) {
    Flags own(patches, 0);
    adjust(own, 27);
    image.add(own, draws);
    joint_image.add(complement(own, 0.6875), draws);
  }
  group = "outputs/image_96";
  number(group, "patches", patches);
  number(group, "image_masked", 27);
  number(group, "vl_image_masked", 24);
  number(group, "draws", draws);
  write(file, group + "/image_", image, false);
  write(file, group + "/vl_image_", joint_image, false);

  Index const frames = 70;
  Statistics audio;
  std::vector<double> runs;
  std::vector<std::int64_t> lengths(frames + 1, 0);
  for (Index i = 0; i < draws; ++i) {
    Flags const flags = blocks(frames, 0.3);
    audio.add(flags, draws);
    runs.push_back(0);
    for (Index from = 0; from < frames; ++from) {
      if (!flags[from] || (from > 0 && flags[from - 1])) continue;
      Index to = from;
      while (to < frames && flags[to]) ++to;
      ++lengths[to - from];
      ++runs.back();
    }
  }
  double const mean = std::accumulate(runs.begin(), runs.end(), 0.0) / draws;
  double variance = 0;
  for (double count : runs) variance += (count - mean) * (count - mean) / draws;
  group = "outputs/audio_70_300";
  number(group, "frames", frames);
  number(group, "draws", draws);
  file.attribute(group, "ratio", 0.3);
  file.attribute(group, "mean_runs", mean);
  file.attribute(group, "std_runs", std::sqrt(variance));
  file.attribute(group, "masked_counts_seen", "[21]");
  file.add_integers(group + "/run_length_histogram", {frames + 1}, lengths);
  write(file, group + "/", audio, false);

  if (GetParam() == 1) {
    // A wrong deviation of the runs can be too large to be noticed, a word start is an input.
    file.expect_checked(path_, {"is_word_start", "std_runs"});
    return;
  }
  file.write(path_);
  for (app::Compared const& one : verified(path_)) EXPECT_TRUE(one.pass) << one.name;
}
INSTANTIATE_TEST_SUITE_P(Seeds, MaskFiles, ::testing::Range(1u, 9u));

}  // namespace
}  // namespace accord::testing
