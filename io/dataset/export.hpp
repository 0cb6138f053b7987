#pragma once
// A dataset as other programs read it: webdataset's archives.

#include <filesystem>
#include <functional>

#include "io/shard/shard_reader.hpp"

namespace accord::io {

struct ExportOptions {
  std::filesystem::path out;
  bool number_keys = false;  ///< name samples by their numbers instead of their keys
};

/// Writes <out>/NNNNN.tar, one for each shard: of each sample KEY.jpg (or what the bytes are),
/// KEY.NAME.npy, KEY.txt; several captions, and the label where classes have names, in KEY.json;
/// else the label in KEY.cls. `accord data build` makes the same samples of it, byte for byte.
/// `progress` is told the samples done.
/// \throws UsageError if an archive is there already; DataError if a sample cannot be written so:
/// its key is not a name that is read back, or it has several items of a modality other than text
void export_webdataset(Dataset const& dataset, ExportOptions const& options,
                       std::function<void(Index)> const& progress);

}  // namespace accord::io
