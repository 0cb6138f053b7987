#include "io/loader/loader.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "tests/io/loader/pairs.hpp"

using namespace accord;
using namespace accord::io;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

/// 21 pairs in three shards.
class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    std::vector<Pair> const pairs = make_pairs(21);
    add_shard(dataset_, {pairs.begin(), pairs.begin() + 8});
    add_shard(dataset_, {pairs.begin() + 8, pairs.begin() + 9});
    add_shard(dataset_, {pairs.begin() + 9, pairs.end()});
  }
  TemporaryFolder folder_;
  std::filesystem::path dataset_ = folder_ / "pairs";
};

int number_of(std::string const& key) { return std::stoi(key.substr(4)); }

std::string caption(MicroBatch const& batch, std::size_t i) {
  auto const* rows = reinterpret_cast<std::int32_t const*>(batch.inputs[0].data.data());
  auto const begin = batch.inputs[0].offsets[i], end = batch.inputs[0].offsets[i + 1];
  return Tokenizer::load("bytes")->decode({rows + begin, rows + end});
}

void flip_byte(std::filesystem::path const& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  char const byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

template <class Thrown>
std::string message_of(auto&& call) {
  try {
    call();
  } catch (Thrown const& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing of that kind was thrown";
  return {};
}

}  // namespace

TEST_F(LoaderTest, HandsOverWhatTheSamplesHold) {
  SampleConfig samples = samples_of(dataset_, 10);
  samples.pictures[1].crop = {};
  Loader loader(samples, {5, 0, 1, 2, 1});
  std::set<std::string> keys;
  for (int b = 0; b < 4; ++b) {
    MicroBatch const batch = loader.next();
    ASSERT_EQ(batch.samples(), 5);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(batch.positions[i], static_cast<std::uint64_t>(b) * 5 + i);
      EXPECT_TRUE(keys.insert(batch.keys[i]).second);
      int const number = number_of(batch.keys[i]);
      EXPECT_EQ(batch.labels[i], number < 8 ? number : number < 9 ? number - 8 : number - 9);
      Index const rows = batch.inputs[0].offsets[i + 1] - batch.inputs[0].offsets[i];
      EXPECT_EQ(batch.lengths[0][i], rows + 1);
      EXPECT_EQ(rows, 21);  // longer captions are cut to 20, then the end mark
      EXPECT_THAT(caption(batch, i), HasSubstr("caption "));
      EXPECT_EQ(batch.inputs[1].offsets[i + 1], static_cast<Index>(i + 1) * 16 * 16 * 3);
      EXPECT_EQ(batch.lengths[1][i], 17);
      EXPECT_EQ(std::to_integer<int>(batch.inputs[1].data[(i + 1) * 16 * 16 * 3 - 1]),
                colour_of(number));
      EXPECT_EQ(batch.masks[5][0].offsets[i + 1], static_cast<Index>(i + 1) * 22);
      EXPECT_EQ(batch.masks[5][1].offsets[i + 1], static_cast<Index>(i + 1) * 17);
    }
  }
  EXPECT_EQ(keys.size(), 20u);
  EXPECT_TRUE(loader.skipped().empty());
  EXPECT_GT(loader.data_wait_seconds(), 0);
}

TEST_F(LoaderTest, GivesEveryPositionTheSameContentWhateverReadsIt) {
  SampleConfig const samples = samples_of(dataset_, 8);
  auto const expected = read_steps(samples, {8, 0, 1, 1, 0}, 5);
  ASSERT_EQ(expected.size(), 40u);
  for (LoaderConfig const& config : std::initializer_list<LoaderConfig>{
           {2, 0, 1, 3, 2}, {1, 0, 8, 1, 1}, {4, 0, 2, 2, 3}, {1, 0, 4, 4, 0}})
    EXPECT_EQ(read_steps(samples, config, 5), expected)
        << config.data_ranks << " ranks, " << config.threads << " threads";
}

TEST_F(LoaderTest, ContinuesFromItsState) {
  SampleConfig samples = samples_of(dataset_, 8);
  auto const expected = read_steps(samples, {8, 0, 1, 1, 0}, 7);
  Loader loader(samples, {4, 0, 1, 2, 3});
  for (int b = 0; b < 6; ++b) loader.next();
  EXPECT_EQ(loader.position(), 24u);
  EXPECT_EQ(loader.epoch(), 1u);
  EXPECT_EQ(loader.steps_per_epoch(), 2u);
  samples.start = order_state_from_json(to_json(loader.state()));
  auto const rest = read_steps(samples, {2, 0, 2, 1, 1}, 4);
  ASSERT_EQ(rest.size(), 32u);
  for (auto const& [position, text] : rest) EXPECT_EQ(text, expected.at(position));
}

TEST_F(LoaderTest, GoesOnWithAppendedShardsAtTheNextEpoch) {
  SampleConfig samples = samples_of(dataset_, 4);  // 5 steps per epoch
  auto const expected = read_steps(samples, {4, 0, 1, 1, 0}, 5);
  Loader loader(samples, {4, 0, 1, 1, 0});
  for (int step = 0; step < 2; ++step) loader.next();
  samples.start = loader.state();
  add_shard(dataset_, {make_pair(100), make_pair(101), make_pair(102)});
  Loader const resumed(samples, {4, 0, 1, 1, 0});
  EXPECT_EQ(resumed.state(), loader.state());
  EXPECT_NE(resumed.indexes(), loader.indexes());  // what comes next is not the same
  auto const rest = read_steps(samples, {4, 0, 1, 1, 0}, 9);
  for (std::uint64_t p = 8; p < 20; ++p) EXPECT_EQ(rest.at(p), expected.at(p));
  std::string second_epoch;
  for (std::uint64_t p = 20; p < 44; ++p) second_epoch += rest.at(p);
  for (int number : {100, 101, 102})
    EXPECT_THAT(second_epoch, HasSubstr(fmt::format("key-{} ", number)));
}

TEST_F(LoaderTest, RefusesADatasetThatIsNotTheOneItBeganWith) {
  SampleConfig samples = samples_of(dataset_, 8);
  samples.start = Loader(samples, {8, 0, 1, 1, 0}).state();
  std::filesystem::remove_all(dataset_);
  add_shard(dataset_, make_pairs(21));
  EXPECT_THROW(Loader(samples, {8, 0, 1, 1, 0}), DataError);
}

TEST_F(LoaderTest, DrawsCaptionCropAndMasksAnewForEachPositionUnlessToldNotTo) {
  auto variants = [&](Refresh refresh) {
    SampleConfig samples = samples_of(dataset_, 21);
    samples.refresh = refresh;
    std::map<std::string, std::set<std::string>> seen;  // by key
    std::map<std::string, std::set<std::string>> captions;
    Loader loader(samples, {21, 0, 1, 2, 1});
    for (int epoch = 0; epoch < 6; ++epoch) {
      MicroBatch const batch = loader.next();
      for (std::size_t i = 0; i < 21; ++i) {
        std::string const all = content(batch, i);
        seen[batch.keys[i]].insert(all.substr(all.find(' ')));  // without the position
        captions[batch.keys[i]].insert(caption(batch, i));
      }
    }
    EXPECT_EQ(seen.size(), 21u);
    std::size_t least = 100, most = 0;
    for (auto const& [key, contents] : seen) {
      least = std::min(least, contents.size());
      most = std::max(most, contents.size());
      EXPECT_LE(captions[key].size(), static_cast<std::size_t>(number_of(key) % 3 + 1));
      if (number_of(key) % 3 == 0) {
        EXPECT_EQ(captions[key].size(), 1u);
      }
    }
    std::size_t drawn = 0;
    for (auto const& [key, texts] : captions) drawn += texts.size();
    return std::tuple(least, most, drawn);
  };
  EXPECT_EQ(variants(Refresh::never), std::tuple(1u, 1u, 21u));
  auto const [least, most, drawn] = variants(Refresh::epoch);
  EXPECT_EQ(least, 6u);
  EXPECT_EQ(most, 6u);
  EXPECT_GT(drawn, 30u);  // of 42 captions
}

TEST_F(LoaderTest, ReplacesUnusableSamplesAndSaysWhy) {
  std::filesystem::path const dataset = folder_ / "damaged";
  std::vector<Pair> pairs = make_pairs(40);
  pairs[3].picture = pairs[4].picture;
  pairs[3].picture.resize(60);           // cut off
  pairs[11].captions = {"broken \xff"};  // not UTF-8
  pairs[17].captions.clear();
  add_shard(dataset, pairs);
  ShardEntry const entry = read_index(dataset).shards[0];
  flip_byte(dataset / entry.file, entry.modalities[0].bytes.offset + 5);  // in picture 0

  SampleConfig const samples = samples_of(dataset, 8);
  auto const expected = read_steps(samples, {8, 0, 1, 1, 0}, 10);
  for (auto const& [position, text] : expected)
    for (int number : {0, 3, 11, 17})
      EXPECT_EQ(text.find(fmt::format("key-{} ", number)), std::string::npos);
  EXPECT_EQ(read_steps(samples, {2, 0, 4, 2, 2}, 10), expected);

  Loader loader(samples, {8, 0, 1, 2, 2});
  for (int step = 0; step < 5; ++step) loader.next();  // one epoch
  std::map<std::uint64_t, std::string> reasons;
  for (SkippedSample const& skip : loader.skipped()) {
    reasons[skip.sample] = skip.reason;
    EXPECT_EQ(skip.source, "pairs");
    EXPECT_EQ(skip.key, fmt::format("key-{}", skip.sample));
    EXPECT_LT(skip.position, 40u);
  }
  ASSERT_EQ(reasons.size(), 4u);
  EXPECT_THAT(reasons[0], HasSubstr("checksum"));
  EXPECT_THAT(reasons[0], HasSubstr("`accord data verify`"));
  EXPECT_THAT(reasons[3], HasSubstr("image: "));
  EXPECT_THAT(reasons[11], HasSubstr("text: "));
  EXPECT_THAT(reasons[17], HasSubstr("has no text"));
}

TEST_F(LoaderTest, TakesTheReplacementFromTheSamePlaceOfTheNextEpoch) {
  std::filesystem::path const dataset = folder_ / "damaged";
  std::vector<Pair> pairs = make_pairs(40);
  pairs[3].picture.resize(60);
  add_shard(dataset, pairs);
  SampleConfig const samples = samples_of(dataset, 8);
  Order const order({{"pairs", 40, 1, ""}}, 8, samples.seed);
  Loader loader(samples, {8, 0, 1, 1, 0});
  for (int step = 0; step < 5; ++step) {
    MicroBatch const batch = loader.next();
    for (std::size_t i = 0; i < 8; ++i) {
      auto place = order.at(batch.positions[i]);
      if (place.sample == 3) place = order.at(batch.positions[i] + 40);
      EXPECT_EQ(number_of(batch.keys[i]), static_cast<int>(place.sample));
    }
  }
  EXPECT_EQ(loader.skipped().size(), 1u);
}

TEST_F(LoaderTest, GivesUpWhenNoSampleCanBeUsed) {
  std::filesystem::path const dataset = folder_ / "hopeless";
  std::vector<Pair> pairs = make_pairs(8);
  for (Pair& pair : pairs) pair.captions.clear();
  add_shard(dataset, pairs);
  Loader loader(samples_of(dataset, 4), {4, 0, 1, 2, 1});
  std::string const message = message_of<DataError>([&] { loader.next(); });
  EXPECT_THAT(message, HasSubstr("none of 9 samples"));
  EXPECT_THAT(message, HasSubstr("has no text"));
  EXPECT_THAT(message, Not(HasSubstr("data verify")));  // every checksum is right
}

TEST_F(LoaderTest, EndsTheRunAtADamagedShard) {
  std::filesystem::resize_file(dataset_ / shard_file(2), 1000);
  Loader loader(samples_of(dataset_, 20), {20, 0, 1, 2, 1});
  EXPECT_THAT(message_of<DataError>([&] { loader.next(); }), HasSubstr("shard-00002"));
}

TEST_F(LoaderTest, MixesSourcesByWeight) {
  add_shard(folder_ / "more", {make_pair(200), make_pair(201)});
  SampleConfig samples = samples_of(dataset_, 64);
  samples.sources = {{"pairs", dataset_, 3}, {"more", folder_ / "more", 1}};
  auto const contents = read_steps(samples, {64, 0, 1, 2, 1}, 4);
  int of_second = 0;
  for (auto const& [position, text] : contents)
    of_second += text.find("key-20") != text.npos && text.find("key-20 ") == text.npos;
  EXPECT_NEAR(of_second, 64, 28);
  EXPECT_EQ(read_steps(samples, {8, 0, 8, 1, 0}, 4), contents);
}

TEST_F(LoaderTest, RefusesWhatCannotBeRead) {
  SampleConfig const samples = samples_of(dataset_, 8);
  EXPECT_THROW(Loader(samples, {3, 0, 1, 1, 1}), UsageError);
  EXPECT_THROW(Loader(samples, {1, 0, 3, 1, 1}), UsageError);
  EXPECT_THROW(Loader(samples_of(dataset_, 22), {22, 0, 1, 1, 1}), DataError);
  EXPECT_THROW(Loader(samples_of(folder_ / "nowhere", 8), {8, 0, 1, 1, 1}), DataError);

  SampleConfig changed = samples;
  changed.model.modalities[1].name = "depth";
  EXPECT_THAT(message_of<DataError>([&] {
                Loader(changed, {8, 0, 1, 1, 1});
              }),
              HasSubstr("no modality depth in it, only image, text"));
  changed = samples;
  changed.model.modalities[0].vocabulary = 100;
  EXPECT_THROW(Loader(changed, {8, 0, 1, 1, 1}), UsageError);
  changed = samples;
  changed.model.modalities[1].adapter = "smell";
  EXPECT_THROW(Loader(changed, {8, 0, 1, 1, 1}), UsageError);
  changed = samples;
  changed.start = Loader(samples, {8, 0, 1, 1, 1}).state();
  changed.start->position = 4;
  EXPECT_THROW(Loader(changed, {8, 0, 1, 1, 1}), UsageError);
}

TEST_F(LoaderTest, LeavesOutModalitiesThatNoPassReads) {
  SampleConfig samples = samples_of(dataset_, 8);
  samples.model.objectives = {{"label", "classify", 1, {1}, {}, 1}};
  samples.tokenizer = nullptr;
  MicroBatch const batch = Loader(samples, {8, 0, 1, 1, 0}).next();
  EXPECT_TRUE(batch.lengths[0].empty());
  EXPECT_EQ(batch.inputs[0].offsets.size(), 1u);
  EXPECT_EQ(batch.lengths[1].size(), 8u);
}
