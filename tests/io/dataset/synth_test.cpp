#include "io/dataset/synth.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "core/base/error.hpp"
#include "io/dataset/hold_out.hpp"
#include "io/dataset/scene.hpp"
#include "io/file/file.hpp"
#include "io/shard/shard_reader.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;

class Synth : public TemporaryFolder {
 protected:
  SynthOptions options(char const* name) const {
    SynthOptions o;
    o.out = folder_ / name;
    o.train = 40;
    o.held_out = 10;
    return o;
  }
};

void without_progress(Index, Index) {}

std::string caption_text(std::span<std::byte const> bytes) {
  return std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

TEST_F(Synth, EqualOptionsGiveEqualBytes) {
  build_synth(options("a"), without_progress);
  build_synth(options("b"), without_progress);
  SynthOptions other = options("c");
  other.seed = 2;
  build_synth(other, without_progress);
  for (char const* part : {"train", "heldout-captions", "heldout-pairs"}) {
    std::string const shard = read_file(folder_ / "a" / part / "shard-00000.h5");
    EXPECT_EQ(shard, read_file(folder_ / "b" / part / "shard-00000.h5")) << part;
    EXPECT_NE(shard, read_file(folder_ / "c" / part / "shard-00000.h5")) << part;
  }
}

TEST_F(Synth, SamplesHoldAPictureACaptionAndASound) {
  build_synth(options("a"), without_progress);
  Dataset const dataset = Dataset::open(folder_ / "a" / "train");
  EXPECT_THAT(dataset.modalities(), ElementsAre("image", "text", "audio"));
  ASSERT_EQ(dataset.size(), 40);
  Sample const sample = dataset.read(7);
  EXPECT_EQ(sample.key, "train-000007");
  EXPECT_TRUE(caption_text(sample.items[0][0]).starts_with("\x89PNG"));
  EXPECT_TRUE(caption_text(sample.items[1][0]).starts_with("a "));
  std::string const wave = caption_text(sample.items[2][0]);
  EXPECT_TRUE(wave.starts_with("RIFF"));
  EXPECT_EQ(wave.size(), 44u + 2 * 11200);
}

TEST_F(Synth, LabelsNameTheUpperOrLeftObject) {
  EXPECT_EQ(
      scene_classes()[static_cast<std::size_t>(Scene{{0, 1, 2}, {1, 3, 4}, 0}.class_number())],
      "orange triangle");
  EXPECT_EQ(
      scene_classes()[static_cast<std::size_t>(Scene{{0, 1, 2}, {1, 3, 4}, 3}.class_number())],
      "green cross");
  build_synth(options("a"), without_progress);
  Dataset const dataset = Dataset::open(folder_ / "a" / "train");
  ASSERT_EQ(dataset.index().classes.size(), 48u);
  for (Index i = 0; i < dataset.size(); ++i) {
    Sample const sample = dataset.read(i);
    std::string const caption = caption_text(sample.items[1][0]);
    std::string leading = caption.substr(0, caption.find(" above "));
    for (char const* relation : {" left of ", " right of ", " below "})
      if (std::size_t const at = caption.find(relation); at != std::string::npos)
        leading = relation[1] == 'l' ? caption.substr(0, at) : caption.substr(at);
    EXPECT_TRUE(leading.ends_with(dataset.index().classes[static_cast<std::size_t>(sample.label)]))
        << caption;
  }
}

TEST_F(Synth, AFinishedSetIsLeftAloneAndAnotherOneIsNotOverwritten) {
  build_synth(options("a"), without_progress);
  auto const time = std::filesystem::last_write_time(folder_ / "a" / "train" / "shard-00000.h5");
  build_synth(options("a"), without_progress);
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "a" / "train" / "shard-00000.h5"), time);
  SynthOptions other = options("a");
  other.seed = 2;
  EXPECT_THROW(build_synth(other, without_progress), UsageError);
}

TEST_F(Synth, ShardsWithoutAnIndexAreNotOverwritten) {
  build_synth(options("a"), without_progress);
  std::filesystem::remove(folder_ / "a" / "train" / "index.json");
  EXPECT_THROW(build_synth(options("a"), without_progress), UsageError);
}

TEST(SynthSplits, KeepCaptionsAndPairsApart) {
  SynthOptions options;
  SynthSplits const splits = synth_splits(options);
  EXPECT_EQ(splits.train.size(), 6000u);
  EXPECT_EQ(splits.captions.size(), 1000u);
  EXPECT_EQ(splits.pairs.size(), 1000u);
  std::set<Index> all;
  for (auto const* part : {&splits.train, &splits.captions, &splits.pairs})
    for (Index const number : *part)
      EXPECT_TRUE(all.insert(number).second) << scene(number).caption();

  auto const pairs_of = [](std::vector<Index> const& list) {
    std::set<std::pair<int, int>> pairs;
    for (Index const number : list)
      for (SceneObject const& o : {scene(number).first, scene(number).second})
        pairs.insert({o.colour, o.shape});
    return pairs;
  };
  auto const trained = pairs_of(splits.train);
  EXPECT_EQ(trained.size(), 44u);
  for (auto const& pair : pairs_of(splits.captions)) EXPECT_TRUE(trained.contains(pair));
  for (Index const number : splits.captions) EXPECT_TRUE(held_out(scene(number).caption(), 0.2));
  for (Index const number : splits.train) EXPECT_FALSE(held_out(scene(number).caption(), 0.2));
  for (Index const number : splits.pairs) {
    Scene const s = scene(number);
    EXPECT_FALSE(trained.contains({s.first.colour, s.first.shape}) &&
                 trained.contains({s.second.colour, s.second.shape}));
  }
}

TEST(SynthSplits, RefuseMoreThanThereIs) {
  SynthOptions options;
  options.held_out = 7000;
  EXPECT_THROW(synth_splits(options), UsageError);
  options.held_out = 100;
  options.train = 30000;  // more than the captions: they come again
  EXPECT_EQ(synth_splits(options).train.size(), 30000u);
}

TEST(Scenes, HaveDistinctCaptions) {
  std::set<std::string> captions;
  for (Index number = 0; number < scene_count; ++number) captions.insert(scene(number).caption());
  EXPECT_EQ(static_cast<Index>(captions.size()), scene_count);
  EXPECT_TRUE(captions.contains("a large red circle above a small blue square"));
}

/// Mean of the pixels of a half of the picture: 0 top, 1 bottom, 2 left, 3 right.
double brightness(std::vector<std::uint8_t> const& pixels, int half) {
  double sum = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    std::size_t const row = i / 96, column = i / 3 % 32;
    if ((half < 2 ? row : column) / 16 == static_cast<std::size_t>(half % 2)) sum += pixels[i];
  }
  return sum / (16 * 32 * 3);
}

TEST(Scenes, PutTheFirstObjectWhereTheCaptionSays) {
  // A large black square is darker than a small yellow ring.
  for (int relation = 0; relation < 4; ++relation) {
    Scene const s{{1, 7, 1}, {0, 2, 5}, relation};
    auto const pixels = draw_scene(s, 32, {Draws(1, Purpose::synth), 3});
    int const there = relation, opposite = relation ^ 1;
    EXPECT_LT(brightness(pixels, there), brightness(pixels, opposite) - 10) << s.caption();
  }
}

TEST(Scenes, SoundLikeTheirWords) {
  // The first slot is the word "a": its 200 Hz carry more energy than any other word's tone.
  Scene const s = scene(0);
  auto const wave = speak_scene(s, {Draws(1, Purpose::synth), 0});
  std::vector<std::int16_t> pcm((wave.size() - 44) / 2);
  std::memcpy(pcm.data(), wave.data() + 44, pcm.size() * 2);
  auto const energy = [&](double frequency) {
    double re = 0, im = 0;
    for (int i = 0; i < 1200; ++i) {
      re += pcm[static_cast<std::size_t>(i)] * std::cos(2 * M_PI * frequency * i / 16000);
      im += pcm[static_cast<std::size_t>(i)] * std::sin(2 * M_PI * frequency * i / 16000);
    }
    return re * re + im * im;
  };
  for (int word = 1; word < 22; ++word)
    EXPECT_GT(energy(200), 4 * energy(200 * std::pow(20.0, word / 21.0)));
}

TEST(HoldOut, TakesAboutTheShareAskedFor) {
  int count = 0;
  for (int i = 0; i < 10000; ++i) count += held_out("caption " + std::to_string(i), 0.2);
  EXPECT_NEAR(count, 2000, 4 * 40);
  EXPECT_FALSE(held_out("anything", 0));
  EXPECT_TRUE(held_out("anything", 1));
}

}  // namespace
}  // namespace accord::io
