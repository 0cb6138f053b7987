#pragma once
// Makes a dataset of shards from other people's files: in parallel, restartable, appending.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/dataset/check_sample.hpp"
#include "io/dataset/source.hpp"

namespace accord::io {

struct BuildOptions {
  SourceOptions source;
  std::filesystem::path out;
  /// What is kept (item_kind.hpp); empty: text, and picture or sound, whichever the first sample
  /// has. Decides what the source looks for.
  std::vector<std::string> modalities;
  /// Names of all classes: then a sample may have several, separated by commas (multi-hot labels).
  /// Empty: one class per sample, whatever its name.
  std::vector<std::string> classes;
  double hold_out =
      0;              ///< > 0: out/train and out/held-out, this share of the captions in the latter
  ItemLimits limits;  ///< items that do not keep them are ignored
  bool append = false;  ///< add to the dataset that is there
  MediaCheck check = MediaCheck::decode;
  double max_bad_share =
      0.01;  ///< more bad samples, or archives, than this share of all end the build
  std::uint64_t shard_bytes = 256 << 20;
  Index shard_samples = 50000;
};

struct BuildReport {
  std::map<std::string, Index>
      kept;  ///< samples by dataset: "train", "held-out", or "" for the only one
  std::map<std::string, Index> items;  ///< of the samples kept, by modality
  Tallies dropped;                     ///< bad samples by reason
  Tallies ignored;                     ///< what was no sample, by reason
  Tallies used;                        ///< files that were read, by what they are
  Tally broken_archives;
  Index archives = 0;
  std::uint64_t bytes = 0;  ///< of items kept
  Index shards = 0;
  Index classes = 0;

  Index total_kept() const;
  Index total_dropped() const;
  std::string to_json() const;
};

/// How far one rank is with its share of the input. Bytes are estimates.
struct BuildProgress {
  std::uint64_t bytes = 0, total_bytes = 0;
  Index samples = 0;  ///< kept by this call of run()
};

/// Names below BuildOptions::out of the datasets that a build makes; "" is that folder itself.
std::vector<std::string> datasets_of(BuildOptions const& options);

/// One build. The input is divided into units by its content alone, so the dataset is the same bit
/// for bit, however many ranks work on it and however often the build was interrupted. Work lies in
/// <out>/.build-*/ until finish(), named after the input, the options and the units; a unit is done
/// when its record is there. Every rank makes a Build of the same options.
class Build {
 public:
  /// \throws UsageError if <out> holds another dataset and `append` is off, or one of another
  /// structure; DataError if the input is not there or holds no sample.
  explicit Build(BuildOptions options);
  ~Build();

  /// The dataset holds this very build already and nothing of the work is left: there is nothing to
  /// do.
  bool finished() const;
  std::vector<std::string> const& modalities() const;

  /// Works on the units of `rank` among `ranks`. `progress` is called first, and after every
  /// sample.
  void run(int rank, int ranks, std::function<void(BuildProgress const&)> const& progress);

  /// Once, on one rank, when all have run: numbers the shards, writes index.json and
  /// build-report.json, removes the work. Interrupted, it can be called again. \throws DataError if
  /// nothing was kept or more than max_bad_share was dropped; the work is removed then, so that the
  /// next build sees what was mended.
  BuildReport finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace accord::io
