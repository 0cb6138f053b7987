#pragma once
// The whole check of a dataset: what reading would find out sample by sample, and that HDF5 sees
// what index.json says.

#include <string>
#include <vector>

#include "io/shard/shard_reader.hpp"

namespace accord::io {

/// Reads every byte of one shard. Returns one line per fault, naming file, sample and key; none:
/// the shard is sound. May run in several threads on several shards. \throws IoError if the disk
/// fails
std::vector<std::string> verify_shard(Dataset const& dataset, Index shard);

}  // namespace accord::io
