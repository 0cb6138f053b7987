#include "io/dataset/synth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/base/error.hpp"
#include "core/base/parallel_for.hpp"
#include "io/dataset/hold_out.hpp"
#include "io/dataset/png_encode.hpp"
#include "io/dataset/scene.hpp"
#include "io/file/unfinished_folder.hpp"
#include "io/shard/shard_writer.hpp"

namespace accord::io {
namespace {

constexpr Index shard_samples = 2000;
constexpr double held_out_share = 0.2;

bool unseen_pair(SceneObject const& o) {
  return o.colour % 2 == 0 && o.shape == (o.colour + 1) % 7;
}

/// The same list in an order drawn from the seed (Fisher-Yates).
std::vector<Index> shuffled(std::vector<Index> list, Draws const& draws, std::uint64_t position) {
  for (std::size_t i = list.size(); i > 1; --i)
    std::swap(list[i - 1], list[draws.below(static_cast<std::uint32_t>(i), position, 0,
                                            static_cast<std::uint32_t>(i))]);
  return list;
}

struct Rendered {
  std::string key, caption;
  int class_number;
  std::vector<std::byte> image, audio;
};

/// One of the three sets.
struct Part {
  std::string name;
  std::vector<Index> scenes;
  std::uint64_t first_sample;  ///< sets the draws of the parts apart
};

}  // namespace

SynthSplits synth_splits(SynthOptions const& options) {
  std::vector<Index> train, captions, pairs;
  for (Index number = 0; number < scene_count; ++number) {
    Scene const s = scene(number);
    if (unseen_pair(s.first) || unseen_pair(s.second))
      pairs.push_back(number);
    else if (held_out(s.caption(), held_out_share))
      captions.push_back(number);
    else
      train.push_back(number);
  }
  Index const most = static_cast<Index>(std::min(captions.size(), pairs.size()));
  constexpr Index most_train = 100'000'000;
  if (options.held_out < 1 || options.held_out > most || options.train < 1 ||
      options.train > most_train)
    throw UsageError(
        fmt::format("{} training and {} held-out samples: at least one of each, at most {} and {}",
                    options.train, options.held_out, most_train, most));
  Draws const draws(options.seed, Purpose::synth);
  std::uint64_t constexpr order = ~std::uint64_t{0};  // positions that no sample has
  SynthSplits splits{shuffled(std::move(train), draws, order),
                     shuffled(std::move(captions), draws, order - 1),
                     shuffled(std::move(pairs), draws, order - 2)};
  splits.captions.resize(static_cast<std::size_t>(options.held_out));
  splits.pairs.resize(static_cast<std::size_t>(options.held_out));
  auto const distinct = splits.train.size();
  splits.train.resize(static_cast<std::size_t>(options.train));
  for (std::size_t i = distinct; i < splits.train.size(); ++i)
    splits.train[i] = splits.train[i - distinct];
  return splits;
}

namespace {

Rendered render(SynthOptions const& options, Part const& part, Index i) {
  Scene const s = scene(part.scenes[static_cast<std::size_t>(i)]);
  SceneDraws const random{Draws(options.seed, Purpose::synth),
                          part.first_sample + static_cast<std::uint64_t>(i)};
  Rendered out{fmt::format("{}-{:06}", part.name, i), s.caption(), s.class_number(), {}, {}};
  out.image = encode_png(draw_scene(s, options.size, random), options.size, options.size);
  if (options.audio) out.audio = speak_scene(s, random);
  return out;
}

/// What an interrupted run left, perhaps with other options.
void remove_shards(std::filesystem::path const& folder) {
  for (auto const& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("shard-"))
      std::filesystem::remove(entry.path());
}

void write_part(SynthOptions const& options, Part const& part,
                std::function<void(Index)> const& done) {
  std::filesystem::path const folder = options.out / part.name;
  std::string const fingerprint =
      fmt::format("synth {} samples={} size={} audio={} seed={} labelled", part.name,
                  part.scenes.size(), options.size, options.audio, options.seed);
  bool const begun = UnfinishedFolder::marked(folder);
  if (has_index(folder)) {
    if (begun) UnfinishedFolder(folder).finish();
    if (read_index(folder).builds == std::vector<std::string>{fingerprint})
      return done(static_cast<Index>(part.scenes.size()));
    throw UsageError(fmt::format("{} holds another dataset: remove it, or choose another --out",
                                 folder.string()));
  }
  if (begun)
    remove_shards(folder);
  else
    require_no_shards(folder);
  std::filesystem::create_directories(folder);
  UnfinishedFolder mark(folder);
  DatasetIndex index;
  index.modalities = {"image", "text"};
  if (options.audio) index.modalities.emplace_back("audio");
  index.label = LabelKind::single;
  index.classes = scene_classes();
  index.builds = {fingerprint};

  Index const count = static_cast<Index>(part.scenes.size());
  for (Index first = 0; first < count; first += shard_samples) {
    Index const in_shard = std::min(shard_samples, count - first);
    std::vector<Rendered> rendered(static_cast<std::size_t>(in_shard));
    Index constexpr stride = 200;  // between reports
    for (Index begin = 0; begin < in_shard; begin += stride) {
      Index const now = std::min(stride, in_shard - begin);
      parallel_for(now, 1, [&](Index from, Index to) {
        for (Index i = begin + from; i < begin + to; ++i)
          rendered[static_cast<std::size_t>(i)] = render(options, part, first + i);
      });
      done(now);
    }
    ShardWriter writer(folder / shard_file(first / shard_samples), index.modalities,
                       LabelKind::single, fingerprint);
    for (Rendered const& r : rendered) {
      NewSample sample{
          r.key, {{r.image}, {std::as_bytes(std::span(r.caption))}}, r.class_number, {}};
      if (options.audio) sample.items.push_back({r.audio});
      writer.add(sample);
    }
    index.append(writer.finish());
  }
  write_index(folder, index);
  mark.finish();
}

}  // namespace

void build_synth(SynthOptions const& options, std::function<void(Index, Index)> const& progress) {
  if (options.size < 16 || options.size > 1024)
    throw UsageError(
        fmt::format("pictures of {0} x {0}: 16 to 1024 pixels can be drawn", options.size));
  SynthSplits splits = synth_splits(options);
  Index const total = options.train + 2 * options.held_out;
  Part const parts[] = {{synth_datasets[0], std::move(splits.train), 0},
                        {synth_datasets[1], std::move(splits.captions), std::uint64_t{1} << 40},
                        {synth_datasets[2], std::move(splits.pairs), std::uint64_t{2} << 40}};
  Index done = 0;
  for (Part const& part : parts)
    write_part(options, part, [&](Index more) { progress(done += more, total); });
}

}  // namespace accord::io
