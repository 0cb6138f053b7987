#pragma once
// What became of one unit of a build: its shards, not yet numbered, and what was left out.

#include <filesystem>
#include <string>
#include <vector>

#include "io/dataset/build.hpp"
#include "io/shard/dataset_index.hpp"

namespace accord::io {

struct PartShard {
  std::string dataset;               ///< as in BuildReport::kept
  ShardEntry entry;                  ///< `file` in the work folder
  Hash128 unlabelled;                ///< of every byte outside the blobs and the label
  std::vector<std::int32_t> labels;  ///< of each sample, into `classes`; empty without labels
};

struct UnitRecord {
  std::vector<PartShard> shards;
  std::vector<std::string> classes;
  BuildReport report;  ///< of this unit: dropped, ignored, broken archives
};

/// Written atomically: a unit has a record, whole, or none.
void write_record(std::filesystem::path const& path, UnitRecord const& record);
UnitRecord read_record(std::filesystem::path const& path, std::size_t modalities);

}  // namespace accord::io
