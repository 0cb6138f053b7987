#pragma once
// Datasets of a few samples for the tests of this folder.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "io/shard/shard_reader.hpp"
#include "io/shard/shard_writer.hpp"

namespace accord::io {

inline std::span<std::byte const> bytes_of(std::string const& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string text_of(std::span<std::byte const> bytes) {
  return std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

/// What sample `number` holds: one "image" and, every third sample, two captions or none.
struct Content {
  std::string key;
  std::string image;
  std::vector<std::string> captions;

  explicit Content(Index number, std::size_t image_bytes = 200)
      : key(fmt::format("key-{}", number)) {
    for (std::size_t i = 0; i < image_bytes; ++i)
      image += static_cast<char>((static_cast<std::size_t>(number) * 37 + i * i) >> 2);
    if (number % 3 != 2) captions.push_back(fmt::format("caption {}", number));
    if (number % 3 == 1) captions.push_back(fmt::format("another of {}", number));
  }
};

/// A dataset with modalities text and image; class of sample i: i mod 7.
inline DatasetIndex empty_index() {
  DatasetIndex index;
  index.modalities = {"text", "image"};
  index.label = LabelKind::single;
  return index;
}

inline ShardEntry write_shard(std::filesystem::path const& dataset, Index number,
                              Index first_sample, Index samples, std::size_t image_bytes = 200) {
  ShardWriter writer(dataset / shard_file(number), {"text", "image"}, LabelKind::single, "a test");
  for (Index i = first_sample; i < first_sample + samples; ++i) {
    Content const content(i, image_bytes);
    NewSample sample{content.key, {{}, {bytes_of(content.image)}}, i % 7, {}};
    for (std::string const& caption : content.captions)
      sample.items[0].push_back(bytes_of(caption));
    writer.add(sample);
  }
  return writer.finish();
}

inline void write_dataset(std::filesystem::path const& dataset, std::vector<Index> const& shards) {
  std::filesystem::create_directories(dataset);
  DatasetIndex index = empty_index();
  for (std::size_t k = 0; k < shards.size(); ++k)
    index.append(write_shard(dataset, static_cast<Index>(k), index.samples(), shards[k]));
  write_index(dataset, index);
}

}  // namespace accord::io
