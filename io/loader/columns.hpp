#pragma once

#include <cstddef>
#include <string>

#include "io/shard/shard_reader.hpp"

namespace accord::io {

/// Place of a modality among those of a dataset: the index into Sample::items. \throws DataError
/// naming what it holds
std::size_t column_of(Dataset const& dataset, std::string const& modality);

}  // namespace accord::io
