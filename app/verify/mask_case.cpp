// Mask samplers, compared with the official ones as distributions.

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/verify/cases.hpp"
#include "app/verify/sampling.hpp"
#include "core/base/error.hpp"
#include "core/model/modality/masks.hpp"
#include "io/file/json.hpp"

namespace accord::app {
namespace {

constexpr std::uint32_t mask_seed = 3407;
// The published shares, which the files do not repeat (docs/model.md 3.5).
constexpr double text_share = 0.15, joint_text_share = 0.4, al_text_share = 0.4, image_share = 0.75,
                 joint_image_share = 0.6875;

// Frequencies of a mask's flags and of its counts over many positions.
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

double total(std::vector<double> const& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

class MaskCase {
 public:
  explicit MaskCase(Reference& reference) : reference_(reference), file_(reference.file()) {}

  void text(std::string const& group) {
    auto const start = file_.read<std::uint8_t>(group + "/is_word_start");
    auto own = [&](std::uint64_t p) {
      return whole_word_mask(start, text_share, at(p, stream_of(3)));
    };
    compare(group, "text_", sample_masks(start.size(), own));
    MaskStatistics const joint = sample_masks(start.size(), [&](std::uint64_t p) {
      return joint_mask(own(p), joint_text_share, at(p, stream_of(5)));
    });
    compare(group, "vl_text_", joint);
    expect_count(
        group + "/vl_text", joint,
        static_cast<Index>(std::floor(joint_text_share * static_cast<double>(start.size()))));
    compare(group, "al_text_", sample_masks(start.size(), [&](std::uint64_t p) {
              return whole_word_mask(start, al_text_share, at(p, 9));
            }));
  }

  void image(std::string const& group) {
    auto const patches = file_.attribute<std::int64_t>(group, "patches");
    auto own = [&](std::uint64_t p) {
      return uniform_mask(patches, image_share, at(p, stream_of(4)));
    };
    MaskStatistics const alone = sample_masks(static_cast<std::size_t>(patches), own);
    bool complements = true;
    MaskStatistics const joint =
        sample_masks(static_cast<std::size_t>(patches), [&](std::uint64_t p) {
          MaskFlags const hidden = own(p);
          MaskFlags both = joint_mask(hidden, joint_image_share, at(p, stream_of(5)));
          for (std::size_t i = 0; i < hidden.size(); ++i)
            complements = complements && (hidden[i] || both[i]);
          return both;
        });
    compare(group, "image_", alone);
    compare(group, "vl_image_", joint);
    expect_count(group + "/image", alone, file_.attribute<std::int64_t>(group, "image_masked"));
    expect_count(group + "/vl_image", joint,
                 file_.attribute<std::int64_t>(group, "vl_image_masked"));
    reference_.expect(group + " every patch visible alone is hidden in vl", complements);
  }

  void audio(std::string const& group) {
    auto const frames = file_.attribute<std::int64_t>(group, "frames");
    double const ratio = file_.attribute<double>(group, "ratio");
    if (!(ratio >= 0 && ratio <= 1))
      throw DataError(
          fmt::format("{}: {}: ratio {} is no share", file_.path().string(), group, ratio));
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
    compare(group, "", seen);
    Index const count = std::lround(hidden / seen.draws);
    expect_count(group, seen, count);
    reference_.expect(group + " counts as seen by the official sampler",
                      io::parse_json(file_.attribute_text(group, "masked_counts_seen")) ==
                          nlohmann::json::array({count}));
    double const draws = file_.attribute<double>(group, "draws"),
                 mean_runs = file_.attribute<double>(group, "mean_runs");
    expect_mean(reference_, group + " mean number of runs", runs / seen.draws, seen.draws,
                mean_runs, file_.attribute<double>(group, "std_runs"), draws);
    std::vector<double> const lengths = reference_.values(group + "/run_length_histogram");
    double tokens = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) tokens += static_cast<double>(i) * lengths[i];
    reference_.compare_values(group + "/run_length_histogram",
                              {mean_runs, static_cast<double>(count)},
                              {total(lengths) / draws, tokens / draws}, {.relative = 1e-9});
  }

 private:
  static MaskDraws at(std::uint64_t position, std::uint32_t stream) {
    return {Draws(mask_seed, Purpose::mask), position, stream, 0};
  }

  void compare(std::string const& group, std::string const& what, MaskStatistics const& seen) {
    std::string const at = group + "/" + what;
    double const draws = file_.attribute<double>(group, "draws");
    std::vector<double> const probability = reference_.values(at + "mask_probability");
    expect_frequencies(reference_, at + "mask_probability", seen.probability, seen.draws,
                       probability, draws);
    // Whatever the draws: frequencies per place and per count tell of the same number of tokens.
    double tokens = total(seen.probability);
    if (file_.exists(at + "count_histogram")) {
      std::vector<double> counts = reference_.values(at + "count_histogram");
      reference_.compare_values(at + "count_histogram summed", {draws}, {total(counts)}, {});
      tokens = 0;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        tokens += static_cast<double>(i) * counts[i] / draws;
        counts[i] /= draws;
      }
      expect_frequencies(reference_, at + "count_histogram", seen.counts, seen.draws, counts,
                         draws);
    }
    reference_.compare_values(at + "mask_probability summed", {tokens}, {total(probability)},
                              {.absolute = 1e-9 * static_cast<double>(probability.size())});
  }

  // Counts that the reference always sees are exact here too.
  void expect_count(std::string const& name, MaskStatistics const& seen, Index count) {
    reference_.expect(name + " count exact",
                      std::abs(seen.counts[static_cast<std::size_t>(count)] - 1) < 1e-9);
  }

  Reference& reference_;
  io::Hdf5Reader const& file_;
};

}  // namespace

void verify_mask_sampling(Queue&, Reference& reference) {
  MaskCase masks(reference);
  for (std::string const& name : reference.file().members("outputs")) {
    std::string const group = "outputs/" + name;
    if (name.starts_with("text"))
      masks.text(group);
    else if (name.starts_with("image"))
      masks.image(group);
    else
      masks.audio(group);
  }
}

}  // namespace accord::app
