// `accord data inspect`: what a dataset holds, and single samples as files.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>

#include "app/cli/text.hpp"
#include "app/data/commands.hpp"
#include "core/base/error.hpp"
#include "core/base/printable.hpp"
#include "io/file/output.hpp"
#include "io/media/array.hpp"
#include "io/media/audio.hpp"
#include "io/media/image.hpp"
#include "io/media/media_kind.hpp"
#include "io/shard/shard_reader.hpp"

namespace accord::app {
namespace {

struct Options {
  std::filesystem::path dataset, out;
  Index sample = -1;
};

void print_table(io::Dataset const& dataset) {
  io::DatasetIndex const& index = dataset.index();
  std::uint64_t file_bytes = 0;
  for (io::ShardEntry const& shard : index.shards) file_bytes += shard.bytes;
  std::cout << fmt::format("dataset     {}\nsamples     {}\nshards      {}, {} on disk\n",
                           dataset.path().string(), dataset.size(), index.shards.size(),
                           size_text(file_bytes));
  for (std::size_t m = 0; m < index.modalities.size(); ++m) {
    std::uint64_t items = 0, bytes = 0;
    for (io::ShardEntry const& shard : index.shards) {
      items += shard.modalities[m].offsets.bytes / 8 - 1;
      bytes += shard.modalities[m].bytes.bytes;
    }
    std::cout << fmt::format("{:<11} {} items, {}, {} each on average\n", index.modalities[m],
                             items, size_text(bytes), size_text(items == 0 ? 0 : bytes / items));
  }
  switch (index.label) {
    case io::LabelKind::none:
      std::cout << "labels      none\n";
      break;
    case io::LabelKind::single:
      std::cout << fmt::format("labels      one class each, {} class names\n",
                               index.classes.size());
      break;
    case io::LabelKind::multi_hot:
      std::cout << fmt::format("labels      any number of {} classes each\n", index.classes.size());
      break;
  }
  std::cout << fmt::format("index hash  {}\n", dataset.hash());
}

bool is_text(std::string const& modality) { return modality == "text"; }

std::string label_text(io::Dataset const& dataset, io::Sample const& sample) {
  auto const name = [&](std::size_t number) {
    auto const& classes = dataset.index().classes;
    return number < classes.size() ? fmt::format("{} ({})", number, printable(classes[number]))
                                   : fmt::format("{}", number);
  };
  if (sample.label >= 0) return name(static_cast<std::size_t>(sample.label));
  std::vector<std::string> names;
  for (std::size_t c = 0; c < sample.multi_hot.size(); ++c)
    if (sample.multi_hot[c] != 0) names.push_back(name(c));
  return joined(names);
}

/// Kind, size and extent of a picture, a sound or an array.
std::string media_text(std::span<std::byte const> bytes) {
  io::MediaKind const kind = io::media_kind(bytes);
  std::string text = fmt::format("{}, {}", io::extension_of(kind), size_text(bytes.size()));
  try {
    if (io::is_image(kind)) {
      io::ImageSize const size = io::image_size(bytes);
      text += fmt::format(", {} x {} pixels", size.width, size.height);
    } else if (io::is_audio(kind)) {
      io::SoundShape const shape = io::sound_shape(bytes);
      text += fmt::format(", {:.2f} s, {} channel{} at {} Hz",
                          static_cast<double>(shape.frames) / static_cast<double>(shape.rate),
                          shape.channels, shape.channels == 1 ? "" : "s", shape.rate);
    } else if (kind == io::MediaKind::npy) {
      io::ArrayShape const array = io::array_shape(bytes);
      text += fmt::format(", {} of {}", io::shape_text(array.shape), array.element);
    }
  } catch (DataError const& error) {
    text += fmt::format(", {}", error.what());
  }
  return text;
}

/// Several modalities may hold arrays.
std::string ending_of(std::string const& modality, io::MediaKind kind) {
  if (is_text(modality)) return "txt";
  std::string const extension(io::extension_of(kind));
  return kind == io::MediaKind::npy ? modality + "." + extension : extension;
}

/// Writes the items as sample-<number>[.<item>].<ext>, of arrays .<modality>.npy: names of our own,
/// for a key may be any path.
void show_sample(io::Dataset const& dataset, Options const& options) {
  if (options.sample >= dataset.size())
    throw UsageError(fmt::format("--sample {}: the dataset has samples 0 to {}", options.sample,
                                 dataset.size() - 1));
  if (!options.out.empty()) io::require_writable_folder(options.out, "--out");
  io::Sample const sample = dataset.read(options.sample);
  std::cout << fmt::format("sample {}\nkey         {}\n", sample.number, printable(sample.key));
  if (std::string const label = label_text(dataset, sample); !label.empty())
    std::cout << fmt::format("label       {}\n", label);
  if (!options.out.empty()) std::filesystem::create_directories(options.out);
  for (std::size_t m = 0; m < sample.items.size(); ++m) {
    auto const& items = sample.items[m];
    std::string const& modality = dataset.modalities()[m];
    if (items.empty()) std::cout << fmt::format("{:<11} none\n", modality);
    for (std::size_t i = 0; i < items.size(); ++i) {
      std::string_view const bytes(reinterpret_cast<char const*>(items[i].data()), items[i].size());
      std::string const ending = ending_of(modality, io::media_kind(items[i]));
      std::cout << fmt::format("{:<11} {}", modality,
                               is_text(modality) ? printable(bytes) : media_text(items[i]));
      if (!options.out.empty()) {
        std::string const item = items.size() > 1 ? fmt::format(".{}", i) : "";
        auto const path =
            options.out / fmt::format("sample-{:06}{}.{}", sample.number, item, ending);
        io::Output(path, "--out").write(bytes);
        std::cout << fmt::format("  -> {}", path.string());
      }
      std::cout << "\n";
    }
  }
}

}  // namespace

void add_data_inspect(CLI::App& data, Run& run) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      data.add_subcommand("inspect", "Show what a dataset holds, or one of its samples");
  command->add_option("dataset", options->dataset, "Folder with index.json and shards")
      ->type_name("DIR")
      ->required();
  CLI::Option* sample =
      command
          ->add_option("--sample", options->sample,
                       "Show this sample instead of the summary, checking its bytes")
          ->type_name("N")
          ->check(CLI::NonNegativeNumber);
  command->add_option("--out", options->out, "Also write the sample's items into this folder")
      ->type_name("DIR")
      ->needs(sample);
  command->callback([options, &run] {
    run = [options] {
      io::Dataset const dataset = io::Dataset::open(options->dataset);
      if (options->sample >= 0)
        show_sample(dataset, *options);
      else
        print_table(dataset);
      return 0;
    };
  });
}

}  // namespace accord::app
