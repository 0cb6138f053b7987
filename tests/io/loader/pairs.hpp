#pragma once
// Datasets of captioned pictures, one colour each, and what the tests of this folder ask of a
// loader.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/dataset/png_encode.hpp"
#include "io/loader/loader.hpp"
#include "io/shard/dataset_index.hpp"
#include "io/shard/shard_writer.hpp"

namespace accord::io {

/// A folder that is gone at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "accord-loader-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  TemporaryFolder(TemporaryFolder const&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(std::string const& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct Pair {
  std::string key;
  std::vector<std::string> captions;
  std::vector<std::byte> picture;
};

inline std::uint8_t colour_of(int number) { return static_cast<std::uint8_t>(40 + number); }

/// Sample `number`: a black and white square in a picture of its colour, and one to three captions.
inline Pair make_pair(int number) {
  constexpr Index kWidth = 24, kHeight = 20;
  std::vector<std::uint8_t> rgb(kWidth * kHeight * 3, colour_of(number));
  for (std::size_t i = 0; i < 15; ++i) rgb[i + 3 * kWidth * 2] = i % 2 ? 255 : 0;
  Pair pair{fmt::format("key-{}", number), {}, encode_png(rgb, kWidth, kHeight)};
  for (int c = 0; c <= number % 3; ++c)
    pair.captions.push_back(fmt::format("caption {} of number {}", c, number));
  return pair;
}

inline std::vector<Pair> make_pairs(int count) {
  std::vector<Pair> pairs;
  for (int i = 0; i < count; ++i) pairs.push_back(make_pair(i));
  return pairs;
}

/// Adds the pairs as one more shard. Label of the i-th: i.
inline void add_shard(std::filesystem::path const& dataset, std::vector<Pair> const& pairs) {
  std::filesystem::create_directories(dataset);
  DatasetIndex index;
  if (has_index(dataset)) {
    index = read_index(dataset);
  } else {
    index.modalities = {"image", "text"};
    index.label = LabelKind::single;
  }
  ShardWriter writer(dataset / shard_file(static_cast<Index>(index.shards.size())),
                     {"image", "text"}, LabelKind::single, "a test");
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    NewSample sample{pairs[i].key, {{pairs[i].picture}, {}}, static_cast<std::int64_t>(i), {}};
    for (std::string const& caption : pairs[i].captions)
      sample.items[1].push_back(std::as_bytes(std::span(caption)));
    writer.add(sample);
  }
  index.append(writer.finish());
  write_index(dataset, index);
}

inline ModelConfig vision_language() {
  ModelConfig model;
  model.modalities.resize(2);
  ModalityConfig& text = model.modalities[0];
  text.name = "text";
  text.adapter = "token";
  text.mask = MaskKind::whole_word;
  text.vocabulary = 260;
  text.max_tokens = 20;
  text.mask_ratio = 0.15;
  text.joint_mask_ratio = 0.4;
  ModalityConfig& image = model.modalities[1];
  image.name = "image";
  image.adapter = "patch";
  image.size = 16;
  image.patch = 4;
  image.mask_ratio = 0.75;
  image.joint_mask_ratio = 0.6875;
  model.objectives = {{"itc", "contrast", 1, {0}, {1}, 0},
                      {"text", "denoise", 1, {0}, {0}, 0},
                      {"image", "denoise", 1, {1}, {1}, 1},
                      {"joint", "denoise", 1, {0, 1}, {0, 1}, 0}};
  return model;
}

inline SampleConfig samples_of(std::filesystem::path const& dataset, Index global_batch) {
  SampleConfig config;
  config.sources = {{"pairs", dataset, 1}};
  config.model = vision_language();
  config.tokenizer = Tokenizer::load("bytes");
  config.pictures.resize(2);
  config.pictures[1].crop = {CropSpec::Kind::random_resized, 0.5, 1};
  config.global_batch = global_batch;
  config.seed = 5;
  return config;
}

/// Everything that a batch says of its i-th sample.
inline std::string content(MicroBatch const& batch, std::size_t i) {
  std::string text = fmt::format("{} {} {}", batch.positions[i], batch.keys[i],
                                 batch.labels.empty() ? -1 : batch.labels[i]);
  auto slice = [&](auto const& values, std::vector<Index> const& offsets, std::size_t width) {
    auto const* bytes = reinterpret_cast<char const*>(values.data());
    std::size_t const begin = static_cast<std::size_t>(offsets[i]) * width;
    text += " |" + std::string(bytes + begin,
                               static_cast<std::size_t>(offsets[i + 1] - offsets[i]) * width);
  };
  for (std::size_t m = 0; m < batch.inputs.size(); ++m)
    if (!batch.lengths[m].empty()) {
      text += fmt::format(" {}", batch.lengths[m][i]);
      slice(batch.inputs[m].data, batch.inputs[m].offsets, size_of(batch.inputs[m].dtype));
    }
  for (auto const& pass : batch.masks)
    for (TokenMask const& mask : pass) slice(mask.masked, mask.offsets, 1);
  return text;
}

/// Content by position of `steps` steps, read by all ranks.
inline std::map<std::uint64_t, std::string> read_steps(SampleConfig const& samples,
                                                       LoaderConfig config, int steps) {
  std::map<std::uint64_t, std::string> contents;
  for (config.data_rank = 0; config.data_rank < config.data_ranks; ++config.data_rank) {
    Loader loader(samples, config);
    Index const batches = samples.global_batch / config.data_ranks / config.micro_batch * steps;
    for (Index b = 0; b < batches; ++b) {
      MicroBatch const batch = loader.next();
      for (std::size_t i = 0; i < batch.positions.size(); ++i)
        contents[batch.positions[i]] = content(batch, i);
    }
  }
  return contents;
}

}  // namespace accord::io
