// What happens to samples before the model, and to embeddings after it: tokenizer, pictures, masks,
// recall.

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <sstream>

#include "app/verify/cases.hpp"
#include "core/base/error.hpp"
#include "core/eval/recall.hpp"
#include "core/model/modality/adapter.hpp"
#include "core/model/modality/masks.hpp"
#include "core/ops/patches.hpp"
#include "io/media/audio.hpp"
#include "io/media/crop.hpp"
#include "io/media/resize.hpp"
#include "io/text/normalise.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::app {
namespace {

constexpr std::uint32_t seed = 3407;

template <class T>
std::vector<double> doubles(std::vector<T> const& values) {
  return {values.begin(), values.end()};
}

std::vector<std::int64_t> numbers_in(std::string const& text) {
  std::istringstream stream(text);
  std::vector<std::int64_t> numbers;
  for (std::int64_t n = 0; stream >> n;) numbers.push_back(n);
  return numbers;
}

// Whether a frequency seen in `draws` agrees with a reference one seen in `reference_draws`, within
// 4 sigma of the difference. Frequencies of 0 and 1 get the spread of half an observation.
bool within_four_sigma(double seen, double draws, double reference, double reference_draws) {
  double const pooled =
      (seen * draws + reference * reference_draws + 0.5) / (draws + reference_draws + 1);
  double const sigma = std::sqrt(pooled * (1 - pooled) * (1 / draws + 1 / reference_draws));
  return std::abs(seen - reference) <= 4 * sigma;
}

// Frequencies of a mask's flags and the histogram of its counts over many positions.
struct MaskStatistics {
  std::vector<double> probability, counts;
  double draws;
};
template <class Sample>
MaskStatistics sample_masks(std::size_t length, Sample&& sample) {
  constexpr std::uint64_t draws = 20000;
  MaskStatistics result{std::vector<double>(length, 0.0), std::vector<double>(length + 1, 0.0),
                        draws};
  for (std::uint64_t position = 0; position < draws; ++position) {
    MaskFlags const flags = sample(position);
    std::size_t count = 0;
    for (std::size_t i = 0; i < length; ++i) {
      result.probability[i] += flags[i] / result.draws;
      count += flags[i];
    }
    result.counts[count] += 1 / result.draws;
  }
  return result;
}

void expect_frequencies(Reference& reference, std::string const& name,
                        std::vector<double> const& seen, double draws,
                        std::vector<double> const& want, double reference_draws) {
  bool agree = seen.size() == want.size();
  for (std::size_t i = 0; agree && i < seen.size(); ++i)
    agree = within_four_sigma(seen[i], draws, want[i], reference_draws);
  reference.expect(name + " within 4 sigma", agree);
}

// Counts that the reference always sees are exact here too.
void expect_count(Reference& reference, std::string const& name, MaskStatistics const& seen,
                  Index count) {
  reference.expect(name + " count exact",
                   std::abs(seen.counts[static_cast<std::size_t>(count)] - 1) < 1e-9);
}

}  // namespace

void verify_tokenizer(Queue&, Reference& reference) {
  std::filesystem::path const folder = reference.file().path().parent_path() / ".." / "bpe";
  auto const tokenizer = io::Tokenizer::load(folder.string());
  io::VocabularyFiles undecorated = tokenizer->files();
  undecorated.erase("dict.txt");
  auto const gpt2 = io::Tokenizer::load_from(undecorated);  // rows are GPT-2 ids + 4
  io::Hdf5Reader const& file = reference.file();
  std::vector<std::string> const captions = file.read_text("inputs/captions");
  std::vector<double> rows, untruncated, raw;
  bool normalised = true, five = true, bpe = true;
  std::vector<std::string> const processed = file.read_text("outputs/processed"),
                                 ids = file.read_text("outputs/bpe_ids"),
                                 first_five = file.read_text("outputs/max_length_5");
  auto append = [](std::vector<double>& to, std::vector<std::int32_t> const& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (std::size_t i = 0; i < captions.size(); ++i) {
    append(rows, tokenizer->encode(captions[i], 70));
    append(untruncated, tokenizer->encode(captions[i], 1 << 20));
    append(raw, tokenizer->rows(captions[i]));
    std::string const text = io::normalise(captions[i]);
    normalised = normalised && text == processed[i];
    five = five && io::normalise(captions[i], 5) == first_five[i];
    std::vector<std::int64_t> found;
    for (std::int32_t row : gpt2->rows(" " + text)) found.push_back(row - io::SpecialRow::count);
    bpe = bpe && found == numbers_in(ids[i]);
  }
  reference.expect("outputs/processed", normalised);
  reference.expect("outputs/max_length_5", five);
  reference.expect("outputs/bpe_ids", bpe);
  reference.compare("outputs/ids", rows, {});
  reference.compare("outputs/ids_untruncated", untruncated, {});
  reference.compare("outputs/ids_raw", raw, {});
  std::vector<double> starts;
  for (std::int32_t row = 0; row < tokenizer->vocabulary(); ++row)
    starts.push_back(tokenizer->word_start(row));
  reference.compare("outputs/whole_word_start", starts, {});
}

void verify_transform_image(Queue& queue, Reference& reference) {
  io::Hdf5Reader const& file = reference.file();
  io::ResizeWorkspace workspace;
  auto check = [&](std::string const& group, std::string const& suffix, Index size,
                   io::ImageView image, io::Box box) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size * size * 3));
    io::resize_bicubic(image, box, static_cast<int>(size), static_cast<int>(size), pixels.data(),
                       workspace);
    reference.compare(group + "resized_" + suffix, doubles(pixels), {});
    if (!file.exists(group + "tensor_" + suffix)) return;
    // Normalisation is the patch op's: one window per patch, put back in place.
    PatchLayout const layout{.size = size, .patch = 16, .kernel = 16};
    Index const side = size / 16;
    Tensor windows(queue, reference.dtype(), {side * side, 3 * 16 * 16});
    patchify(queue,
             Tensor::from_host(queue, std::span<std::uint8_t const>(pixels), {1, size * size * 3}),
             layout, windows);
    std::vector<double> const values = as_doubles(queue, windows);
    std::vector<double> planar(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      Index const at = static_cast<Index>(i), window = at / 768, c = at % 768 / 256,
                  y = at % 256 / 16, x = at % 16;
      planar[static_cast<std::size_t>((c * size + window / side * 16 + y) * size +
                                      window % side * 16 + x)] = values[i];
    }
    reference.compare(group + "tensor_" + suffix, planar, {.absolute = 1e-5});
  };
  for (int i = 0; file.exists(fmt::format("inputs/image_{}", i)); ++i) {
    auto const pixels = file.read<std::uint8_t>(fmt::format("inputs/image_{}", i));
    std::vector<Index> const shape = reference.shape(fmt::format("inputs/image_{}", i));
    io::ImageView const image{pixels.data(), shape[1], shape[0]};
    for (Index size : {64, 128})
      check(fmt::format("outputs/eval_{}/", size), std::to_string(i), size, image,
            {0, 0, shape[1], shape[0]});
    auto const boxes =
        file.read<std::int32_t>(fmt::format("inputs/boxes_{}", i));  // top, left, height, width
    for (std::size_t b = 0; b < boxes.size() / 4; ++b)
      check("outputs/crop_64/", fmt::format("{}_{}", i, b), 64, image,
            {boxes[4 * b + 1], boxes[4 * b], boxes[4 * b + 3], boxes[4 * b + 2]});
  }
  // Random crops are compared as distributions.
  std::string const statistics = "outputs/random_crop_stats";
  auto attribute = [&](std::string const& name) {
    return file.attribute<double>(statistics, name);
  };
  auto const width = static_cast<Index>(attribute("width")),
             height = static_cast<Index>(attribute("height"));
  Draws const draws(seed, Purpose::crop);
  double const n = 20000;
  std::array<double, 4> sums{};
  for (std::uint64_t position = 0; position < static_cast<std::uint64_t>(n); ++position) {
    io::Box const box = io::random_resized_box(
        width, height, {.kind = io::CropSpec::Kind::random_resized}, draws, position);
    sums[0] += static_cast<double>(box.width * box.height) / static_cast<double>(width * height);
    sums[1] += static_cast<double>(box.width) / static_cast<double>(box.height);
    sums[2] += static_cast<double>(box.left);
    sums[3] += static_cast<double>(box.top);
  }
  char const* const names[] = {"area", "aspect", "left", "top"};
  for (std::size_t k = 0; k < 4; ++k) {
    double const sigma =
        attribute(std::string(names[k]) + "_std") * std::sqrt(1 / n + 1 / attribute("draws"));
    reference.expect(
        fmt::format("{} {} mean within 4 sigma", statistics, names[k]),
        std::abs(sums[k] / n - attribute(std::string(names[k]) + "_mean")) <= 4 * sigma);
  }
}

void verify_transform_audio(Queue&, Reference& reference) {
  auto const seconds = [&](char const* key) { return reference.number(std::string("/") + key); };
  io::WaveformSpec const spec{static_cast<Index>(seconds("sample_rate")), seconds("min_duration"),
                              seconds("max_duration")};
  for (int i = 0; reference.file().exists(fmt::format("inputs/wave_{}", i)); ++i) {
    std::string const wave = fmt::format("inputs/wave_{}", i);
    std::vector<Index> const shape = reference.shape(wave);
    io::Sound const sound{shape.size() > 1 ? shape[1] : 1, spec.rate,
                          reference.file().read<float>(wave)};
    reference.compare(fmt::format("outputs/feats_{}", i), doubles(io::waveform(sound, spec)),
                      {.absolute = 1e-5});
  }
  ModalityConfig config;
  config.adapter = "convolution";
  std::vector<double> frames;
  for (double samples : reference.values("outputs/samples"))
    frames.push_back(static_cast<double>(
        adapter_family(config.adapter).tokens(config, static_cast<Index>(samples)) - 1));
  reference.compare("outputs/frames", frames, {});
}

void verify_mask_sampling(Queue&, Reference& reference) {
  io::Hdf5Reader const& file = reference.file();
  Draws const draws(seed, Purpose::mask);
  auto at = [&](std::uint64_t position, std::uint32_t stream) {
    return MaskDraws{draws, position, stream, 0};
  };
  for (std::string const& name : file.members("outputs")) {
    std::string const group = "outputs/" + name;
    double const reference_draws = file.attribute<double>(group, "draws");
    auto compare = [&](std::string const& what, MaskStatistics const& seen) {
      expect_frequencies(reference, group + "/" + what + "_mask_probability", seen.probability,
                         seen.draws, reference.values(group + "/" + what + "_mask_probability"),
                         reference_draws);
      if (!file.exists(group + "/" + what + "_count_histogram")) return;
      std::vector<double> counts = reference.values(group + "/" + what + "_count_histogram");
      for (double& count : counts) count /= reference_draws;
      expect_frequencies(reference, group + "/" + what + "_count_histogram", seen.counts,
                         seen.draws, counts, reference_draws);
    };
    if (name.starts_with("text")) {
      auto const start = file.read<std::uint8_t>(group + "/is_word_start");
      auto own = [&](std::uint64_t p) { return whole_word_mask(start, 0.15, at(p, stream_of(3))); };
      compare("text", sample_masks(start.size(), own));
      MaskStatistics const joint = sample_masks(start.size(), [&](std::uint64_t p) {
        return joint_mask(own(p), 0.4, at(p, stream_of(5)));
      });
      compare("vl_text", joint);
      expect_count(reference, group + "/vl_text", joint,
                   static_cast<Index>(std::floor(0.4 * static_cast<double>(start.size()))));
      compare("al_text", sample_masks(start.size(), [&](std::uint64_t p) {
                return whole_word_mask(start, 0.4, at(p, 9));
              }));
    } else if (name.starts_with("image")) {
      auto const patches = file.attribute<std::int64_t>(group, "patches");
      auto own = [&](std::uint64_t p) { return uniform_mask(patches, 0.75, at(p, stream_of(4))); };
      MaskStatistics const alone = sample_masks(static_cast<std::size_t>(patches), own);
      bool complements = true;
      MaskStatistics const joint =
          sample_masks(static_cast<std::size_t>(patches), [&](std::uint64_t p) {
            MaskFlags const hidden = own(p);
            MaskFlags both = joint_mask(hidden, 0.6875, at(p, stream_of(5)));
            for (std::size_t i = 0; i < hidden.size(); ++i)
              complements = complements && (hidden[i] || both[i]);
            return both;
          });
      compare("image", alone);
      compare("vl_image", joint);
      expect_count(reference, group + "/image", alone,
                   file.attribute<std::int64_t>(group, "image_masked"));
      expect_count(reference, group + "/vl_image", joint,
                   file.attribute<std::int64_t>(group, "vl_image_masked"));
      reference.expect(group + " every patch visible alone is hidden in vl", complements);
    } else {
      auto const frames = file.attribute<std::int64_t>(group, "frames");
      double const ratio = file.attribute<double>(group, "ratio");
      double runs = 0, hidden = 0;
      MaskStatistics const seen =
          sample_masks(static_cast<std::size_t>(frames), [&](std::uint64_t p) {
            MaskFlags flags = block_mask(frames, ratio, at(p, 7));
            for (std::size_t i = 0; i < flags.size(); ++i) {
              runs += flags[i] && (i == 0 || !flags[i - 1]);
              hidden += flags[i];
            }
            return flags;
          });
      expect_frequencies(reference, group + "/mask_probability", seen.probability, seen.draws,
                         reference.values(group + "/mask_probability"), reference_draws);
      expect_count(reference, group, seen, std::lround(hidden / seen.draws));
      reference.expect(group + " counts as seen by the official sampler",
                       file.attribute_text(group, "masked_counts_seen") ==
                           fmt::format("[{}]", std::lround(hidden / seen.draws)));
      double const sigma = file.attribute<double>(group, "std_runs") *
                           std::sqrt(1 / seen.draws + 1 / reference_draws);
      reference.expect(
          group + " mean number of runs within 4 sigma",
          std::abs(runs / seen.draws - file.attribute<double>(group, "mean_runs")) <= 4 * sigma);
    }
  }
}

void verify_eval_retrieval(Queue&, Reference& reference) {
  io::Hdf5Reader const& file = reference.file();
  for (std::string const& name : file.members("inputs")) {
    std::string const group = "inputs/" + name + "/";
    auto const image = file.read<float>(group + "image_features"),
               text = file.read<float>(group + "text_features");
    auto const image_ids = file.read<std::uint64_t>(group + "image_ids"),
               text_ids = file.read<std::uint64_t>(group + "text_ids");
    Index const dim = reference.shape(group + "image_features")[1];
    EmbeddingSet const images{image, dim, image_ids}, texts{text, dim, text_ids};
    auto compare = [&](std::string const& what, Recall const& recall) {
      double const percents[] = {recall.r1, recall.r5, recall.r10};
      char const* const ranks[] = {"1", "5", "10"};
      for (std::size_t k = 0; k < 3; ++k)
        reference.compare_values(
            fmt::format("outputs/{}/{}_r{}", name, what, ranks[k]), {percents[k]},
            {file.attribute<double>("outputs/" + name, fmt::format("{}_r{}", what, ranks[k]))},
            {.absolute = 1e-9});
    };
    compare("txt", percent(recall_hits(images, texts)));
    compare("img", percent(recall_hits(texts, images)));
  }
}

}  // namespace accord::app
